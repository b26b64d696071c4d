package remote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

// DetachLimit is how long a start or a shell whose stand-in has left may go on:
// it has handed over the server and only its parent process is to end.
const DetachLimit = 10 * time.Second

// Start runs the command that starts mosh-server and calls output with what it
// prints, in order for each of its two streams. It returns the exit code, -1
// where the server said none. When ctx ends, the command is left DetachLimit
// to end by itself, so that a server is not hung up while it detaches. waiting
// is that of wish.
func (c *Connection) Start(ctx context.Context, s control.Start, waiting func(string), output func([]byte)) (int, error) {
	defer c.holding.recall()
	for {
		session, err := c.sessions.get(ctx, wish{limit: turnLimit, forHuman: true, waiting: waiting})
		if err != nil {
			return -1, c.inStart(err)
		}
		code, err := c.startIn(ctx, session, s, output)
		switch {
		case err == nil:
			return code, nil
		case !errors.Is(err, errSessionClosed) || !session.ahead || c.ctx.Err() != nil:
			return -1, c.inStart(err)
		}
		c.Log.Info().Msg("a session that was opened ahead is gone: opening another")
	}
}

// inStart says of an error what it means for the start.
func (c *Connection) inStart(err error) error {
	if errors.Is(err, errNoSession) {
		c.Drop()
	}
	if c.ctx.Err() != nil {
		return ErrLostInStart
	}
	return err
}

// ErrLostInStart reports that the connection ended in the middle of a start.
var ErrLostInStart = errors.New("the connection was lost while mosh-server started")

// startIn starts the command in a session. The error is errSessionClosed where
// the server had closed that before: then nothing has been started.
func (c *Connection) startIn(ctx context.Context, session *Session, s control.Start, output func([]byte)) (int, error) {
	defer session.Close()
	release := context.AfterFunc(ctx, func() {
		time.AfterFunc(DetachLimit, func() { _ = session.Close() })
	})
	defer release()
	// sshd names the agent's socket to sessions that begin after it was asked
	// for: where there can be no link, this one has it.
	if !c.channels.allowed.Load() {
		if err := c.channels.forward(session); err != nil {
			return -1, err
		}
	}
	if err := session.begin(s); err != nil {
		return -1, err
	}
	var said, expired atomic.Bool
	var both sync.WaitGroup
	for _, stream := range []io.Reader{session, session.channel.Stderr()} {
		both.Go(func() {
			o := &opening{output: output, expired: func() { expired.Store(true); _ = session.Close() }}
			copyTo(func(p []byte) { said.Store(true); o.take(p) }, stream)
			o.end()
		})
	}
	both.Wait()
	if expired.Load() {
		return -1, session.expired
	}
	code, err := session.Wait()
	if err == nil && code < 0 && session.ahead && !said.Load() && ctx.Err() == nil {
		err = errSessionClosed
	}
	return code, err
}

// begin asks for all that a start needs.
func (s *Session) begin(start control.Start) error {
	if start.Pty != nil {
		if err := s.terminal(*start.Pty); err != nil {
			return err
		}
	}
	for _, v := range start.Env {
		if err := s.setenv(v); err != nil {
			return err
		}
	}
	return s.exec(start.Command)
}

// terminal asks for a pseudo-terminal without settings of its own (RFC 4254,
// 6.2).
func (s *Session) terminal(pty control.Pty) error {
	payload := ssh.Marshal(struct {
		Term                         string
		Columns, Rows, Width, Height uint32
		Modes                        string
	}{pty.Term, pty.Columns, pty.Rows, 0, 0, "\x00"})
	return s.request("pty-req", payload)
}

// setenv sets a variable (RFC 4254, 6.4), if the server's AcceptEnv lets it be.
func (s *Session) setenv(v sshconfig.EnvVar) error {
	return s.request("env", ssh.Marshal(v))
}

// opening hands on what a command prints, unless that begins with saysExpired.
type opening struct {
	output  func([]byte)
	expired func()

	held   []byte // may be the beginning of it
	passed bool   // it is something else
}

// take takes the next piece.
func (o *opening) take(p []byte) {
	if o.passed {
		o.output(p)
		return
	}
	if bytes.HasPrefix(o.held, saysExpired) {
		return
	}
	o.held = append(o.held, p...)
	switch {
	case bytes.HasPrefix(o.held, saysExpired):
		o.expired()
	case !bytes.HasPrefix(saysExpired, o.held):
		o.passed = true
		o.output(o.held)
	}
}

// end hands on what was held back.
func (o *opening) end() {
	if !o.passed && len(o.held) > 0 && !bytes.HasPrefix(o.held, saysExpired) {
		o.output(o.held)
	}
}
