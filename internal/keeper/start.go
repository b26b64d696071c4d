package keeper

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// detachLimit is how long a start whose stand-in has left may go on: it has
// handed over the server and only its parent process is to end.
const detachLimit = 10 * time.Second

// start runs the command that starts mosh-server and calls output with what it
// prints, in order for each of its two streams. It returns the exit code, -1
// where the server said none. When ctx ends, the command is left detachLimit
// to end by itself, so that a server is not hung up while it detaches.
func (c *connection) start(ctx context.Context, s Start, output func([]byte)) (int, error) {
	session, err := c.sessionWithRoom(ctx)
	switch {
	case isRejected(err):
		return -1, err
	case err != nil: // it does not even open a session
		c.drop()
		return -1, errLostInStart
	}
	defer c.recallHolder()
	defer session.Close()
	release := context.AfterFunc(ctx, func() {
		time.AfterFunc(detachLimit, func() { _ = session.Close() })
	})
	defer release()
	if s.Pty != nil {
		if err := session.terminal(*s.Pty); err != nil {
			return -1, err
		}
	}
	for _, v := range s.Env {
		if err := session.setenv(v); err != nil {
			return -1, err
		}
	}
	if err := session.exec(s.Command); err != nil {
		return -1, err
	}
	var both sync.WaitGroup
	for _, stream := range []io.Reader{session, session.channel.Stderr()} {
		both.Go(func() { copyTo(output, stream) })
	}
	both.Wait()
	code, err := session.Wait(c.ctx)
	if c.ctx.Err() != nil {
		return -1, errLostInStart
	}
	return code, err
}

var errLostInStart = errors.New("the connection was lost while mosh-server started")

// copyTo hands what r delivers to output until r ends.
func copyTo(output func([]byte), r io.Reader) {
	buf := make([]byte, 4<<10)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			output(buf[:n])
		}
		if err != nil {
			return
		}
	}
}
