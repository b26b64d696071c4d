package keeper

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/guard"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// offer is an agent channel of which this test is the other side.
type offer struct {
	ours, theirs net.Conn
	refused      chan ssh.RejectionReason // one slot
}

func newOffer() *offer {
	o := &offer{refused: make(chan ssh.RejectionReason, 1)}
	o.ours, o.theirs = net.Pipe()
	return o
}

func (o *offer) Accept() (*sshconn.AgentChannel, error) {
	return &sshconn.AgentChannel{ReadWriteCloser: o.theirs}, nil
}

func (o *offer) Refuse(why ssh.RejectionReason) { o.refused <- why }
func (o *offer) Waits() bool                    { return true }

// ask puts so many requests, each of which is answered.
func (o *offer) ask(t *testing.T, requests int, request string) {
	answer := make([]byte, 5)
	for range requests {
		if _, err := io.WriteString(o.ours, request); err != nil {
			t.Error(err)
			return
		}
		if _, err := io.ReadFull(o.ours, answer); err != nil {
			t.Error(err)
			return
		}
	}
}

// forwarding is a connection that forwards an agent, which answers all that it
// is asked with a failure.
func forwarding(k *Keeper) (c *connection, end func()) {
	k.guard = guard.New(func(context.Context) (net.Conn, string, error) {
		ours, agents := net.Pipe()
		go func() {
			defer agents.Close()
			request := make([]byte, 5)
			for {
				if _, err := io.ReadFull(agents, request); err != nil {
					return
				}
				_, _ = io.WriteString(agents, "\x00\x00\x00\x01\x05")
			}
		}()
		return ours, "", nil
	}, k.log)
	gone := make(chan struct{})
	c = serve(k, deadConnection{gone: gone})
	c.forward.Store(true)
	return c, func() {
		c.drop()
		close(gone)
		<-c.done
		k.guard.End()
	}
}

// TestLogOutlivesRequests: what happened before a remote asked an agent a
// hundred thousand things, had as many refused and ended channels by errors, is
// still in the log.
func TestLogOutlivesRequests(t *testing.T) {
	path := filepath.Join(t.TempDir(), "id.log")
	log, err := rundir.OpenLog(path, "devbox")
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	k := spareKeeper(t)
	k.log = log.Logger
	k.log.Warn().Msg("decisive")
	c, end := forwarding(k)
	var clients sync.WaitGroup
	for range 50 {
		clients.Go(func() {
			for range 40 {
				o := newOffer()
				c.offered(o)
				o.ask(t, 50, "\x00\x00\x00\x01\x0b")
				o.ask(t, 50, "\x00\x00\x00\x01\x14")
				_, _ = io.WriteString(o.ours, "\x00\x00\x00\x00")
				_, err := o.ours.Read(make([]byte, 1))
				if !errors.Is(err, io.EOF) {
					t.Errorf("a channel on which no message came ends with %v", err)
				}
				o.ours.Close()
			}
		})
	}
	clients.Wait()
	end()
	if requests := k.usage.read().Requests; requests != 200_000 {
		t.Errorf("%d requests were counted", requests)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), "decisive") || !strings.Contains(string(data), `"agent requests"`) {
		t.Errorf("the log begins with\n%.1000s", data)
	}
	if _, err := os.Stat(path + ".old"); err == nil || len(data) > 16<<10 {
		t.Errorf("the log has %d bytes", len(data))
	}
}

// TestChannelsAreBounded: those that find no place are refused when nothing
// moves, and all that a server offers beyond that at once.
func TestChannelsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := spareKeeper(t)
		c, end := forwarding(k)
		var offers []*offer
		for range 3000 {
			o := newOffer()
			offers = append(offers, o)
			c.offered(o)
		}
		synctest.Wait()
		var served *offer
		refused := func() (n int) {
			for _, o := range offers {
				n += len(o.refused)
				if len(o.refused) == 0 {
					served = o
				}
			}
			return n
		}
		if n := refused(); n != 3000-maxAgentChannels {
			t.Errorf("%d refused at once", n)
		}
		time.Sleep(time.Minute) // nothing moves
		synctest.Wait()
		if n := refused(); n != 3000-guard.MaxChannels {
			t.Errorf("%d refused in the end", n)
		}
		served.ask(t, 1, "\x00\x00\x00\x01\x0b")
		served.ours.Close()
		synctest.Wait()
		late := newOffer()
		c.offered(late)
		late.ask(t, 1, "\x00\x00\x00\x01\x0b")
		end()
	})
}

// TestRest: memory is given back once nobody uses the keeper, whether there is a
// connection or not, and not again before somebody does.
func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := spareKeeper(t)
		var trims atomic.Int32
		ctx, cancel := context.WithCancel(t.Context())
		go k.rest(ctx, func() { trims.Add(1) })
		check := func(want int32) {
			t.Helper()
			synctest.Wait()
			if got := trims.Load(); got != want {
				t.Errorf("memory was given back %d times, want %d", got, want)
			}
		}
		time.Sleep(restPeriod)
		check(0)
		for range 10 {
			k.touch()
			time.Sleep(restPeriod / 2)
		}
		check(0)
		time.Sleep(restPeriod)
		check(1)
		time.Sleep(100 * restPeriod)
		check(1)
		c, end := forwarding(k)
		time.Sleep(2 * restPeriod)
		check(2)
		o := newOffer()
		c.offered(o)
		o.ask(t, 1, "\x00\x00\x00\x01\x0b")
		time.Sleep(2 * restPeriod)
		check(3) // while the channel is open
		o.ours.Close()
		time.Sleep(2 * restPeriod)
		check(4)
		end()
		time.Sleep(2 * restPeriod)
		check(5) // with the connection lost
		cancel()
	})
}
