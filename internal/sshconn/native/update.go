package native

import (
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey"
)

// serveRequests answers the server's global requests until the connection ends.
// It refuses all of them, and looks at an offer of host keys beside that.
func (c *Conn) serveRequests() {
	var updates sync.WaitGroup
	defer updates.Wait()
	for r := range c.Requests {
		if c.updater.Unasked(r) {
			updates.Go(func() { c.updater.Take(r.Payload) })
		}
		refuse(r)
	}
}

func refuse(r *ssh.Request) {
	if r.WantReply {
		_ = r.Reply(false, nil)
	}
}

// updateFirst has UpdateHostKeys=ask ask while somebody is there. No clock runs
// for the person. A failed update is no error, but a *TimeoutError is: there is
// no connection after it.
func (d *dialer) updateFirst(c *Conn) error {
	if !c.updater.Asks() {
		return nil
	}
	if r := c.awaitOffer(d.Limit); r != nil {
		refuse(r)
		enough := c.refuseAll()
		defer enough()
		c.updater.Send = d.inLimit(c.updater.Send)
		c.updater.Take(r.Payload)
	}
	return d.Overdue()
}

// refuseAll answers what the server asks for until the returned function is
// called. What nobody takes holds up the answers to our own requests, and a
// person may take longer than sshd waits for one (ClientAliveCountMax).
func (c *Conn) refuseAll() (enough func()) {
	over := make(chan struct{})
	go func() {
		for {
			select {
			case <-over: // also when there is more to take
				return
			default:
			}
			select {
			case <-over:
				return
			case r := <-c.Requests:
				if r == nil {
					return
				}
				refuse(r)
			case offered := <-c.NewChannels:
				if offered == nil {
					return
				}
				_ = offered.Reject(ssh.Prohibited, "")
			}
		}
	}()
	return func() { close(over) }
}

// inLimit lets the connection be closed when the answer takes too long.
func (d *dialer) inLimit(send hostkey.SendRequest) hostkey.SendRequest {
	return func(name string, wantReply bool, payload []byte) (ok bool, reply []byte, err error) {
		if late := d.Within(func() { ok, reply, err = send(name, wantReply, payload) }); late != nil {
			return false, nil, late
		}
		return ok, reply, err
	}
}

// awaitOffer returns the server's offer, nil if it makes none. sshd makes it when
// it lets us in, so that it is there before the answer to a request.
func (c *Conn) awaitOffer(limit time.Duration) *ssh.Request {
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_ = c.RoundTrip() // where it fails, the connection is gone
	}()
	expired := time.NewTimer(limit)
	defer expired.Stop()
	for over := false; !over || len(c.Requests) > 0; {
		select {
		case r := <-c.Requests:
			if r == nil || c.updater.IsOffer(r) {
				return r
			}
			refuse(r)
		case <-answered:
			over, answered = true, nil
		case <-expired.C:
			return nil
		}
	}
	return nil
}
