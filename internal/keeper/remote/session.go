package remote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// Session is one "session" channel of a connection (RFC 4254, 6). Opening it
// costs a round trip; everything asked of it afterwards is sent without
// waiting for an answer, so that what a command says first arrives one round
// trip after it was started.
type Session struct {
	channel ssh.Channel
	exit    chan int      // one value: the exit code, -1 where the server said none
	gone    chan struct{} // closed when the server has closed it
	ahead   bool          // opened ahead of its use

	conn context.Context // ends with the connection

	expired *control.ExpiredError // what it is where it says so
	heard   chan struct{}         // closed when overhear has heard all; nil: it was not called
	said    []byte                // that it has heard
}

var (
	// errNoSession reports that the connection ended before a session was open.
	errNoSession = errors.New("the connection ended before a session was open")
	// errSessionClosed reports that the server closed a session before it did
	// what it was for.
	errSessionClosed = errors.New("the server closed the session")
)

// openSession opens a session and drains its requests until it ends, and then
// calls ended. The error is a *control.RoomError where the server opens no more
// of them, ctx's, or errNoSession.
func openSession(ctx context.Context, conn sshconn.Connection, ended func()) (*Session, error) {
	channel, requests, err := openChannel(ctx, conn)
	var rejected *ssh.OpenChannelError
	switch {
	case errors.As(err, &rejected):
		return nil, &control.RoomError{OpenSSH: conn.Facts().OpenSSH}
	case err != nil && ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, errNoSession
	}
	s := &Session{channel: channel, exit: make(chan int, 1), gone: make(chan struct{})}
	go func() {
		s.drain(requests)
		ended()
	}()
	return s, nil
}

// opened is what came of opening a channel.
type opened struct {
	channel  ssh.Channel
	requests <-chan *ssh.Request
	err      error
}

// openChannel opens a channel, as long as ctx lasts: x/crypto waits for as long
// as the server says nothing. One that comes later is closed.
func openChannel(ctx context.Context, conn sshconn.Connection) (ssh.Channel, <-chan *ssh.Request, error) {
	done := make(chan opened)
	go func() {
		var o opened
		o.channel, o.requests, o.err = conn.OpenChannel("session", nil)
		select {
		case done <- o:
		case <-ctx.Done():
			if o.err == nil {
				_ = o.channel.Close()
				ssh.DiscardRequests(o.requests)
			}
		}
	}()
	select {
	case o := <-done:
		return o.channel, o.requests, o.err
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
}

// drain answers what the server asks of the session and keeps its exit status.
func (s *Session) drain(requests <-chan *ssh.Request) {
	defer close(s.gone)
	code := -1
	for request := range requests {
		var status struct{ Code uint32 }
		if request.Type == "exit-status" && ssh.Unmarshal(request.Payload, &status) == nil {
			code = int(status.Code)
		}
		if request.WantReply {
			_ = request.Reply(false, nil)
		}
	}
	s.exit <- code
}

// shell starts the shell that reads our scripts.
func (s *Session) shell() error {
	s.overhear()
	return s.exec(shellCommand)
}

// maxSaid is how much is kept of what comes in place of a shell, in bytes.
const maxSaid = 1 << 10

// overhear keeps the beginning of what the session's command writes to its
// standard error, and drops the rest.
func (s *Session) overhear() {
	s.heard = make(chan struct{})
	go func() {
		defer close(s.heard)
		copyTo(func(p []byte) {
			s.said = append(s.said, p[:min(len(p), maxSaid-len(s.said))]...)
		}, s.channel.Stderr())
	}()
}

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

// shellCommand needs no quoting in any login shell.
const shellCommand = "exec /bin/sh"

// exec starts a command. A server that refuses it closes the session or leaves
// it silent, so that who waits for output needs a time limit.
func (s *Session) exec(command string) error {
	return s.request("exec", ssh.Marshal(struct{ Command string }{command}))
}

// request sends a request that wants no answer. The error is errSessionClosed:
// x/crypto's says no more.
func (s *Session) request(kind string, payload []byte) error {
	if _, err := s.channel.SendRequest(kind, false, payload); err != nil {
		return errSessionClosed
	}
	return nil
}

// Read reads the command's output. The error is io.EOF, or an
// *control.ExpiredError.
func (s *Session) Read(p []byte) (int, error) {
	n, err := s.channel.Read(p)
	if err != nil {
		err = s.ended(err)
	}
	return n, err
}

// Write writes to the command's input. The error is errSessionClosed, or an
// *control.ExpiredError.
func (s *Session) Write(p []byte) (int, error) {
	n, err := s.channel.Write(p)
	if err != nil {
		err = s.ended(errSessionClosed)
	}
	return n, err
}

// saysExpired is what sshd says first, on standard error or the terminal, where
// it runs passwd in place of what it was told to (session.c, do_pwchange).
var saysExpired = []byte("WARNING: Your password has expired.")

// ended is the error of a session whose command has: err, or an
// *control.ExpiredError.
func (s *Session) ended(err error) error {
	if bytes.HasPrefix(s.LastWords(), saysExpired) {
		return s.expired
	}
	return err
}

// saidPatience is how long its end is waited for, once the shell has ended.
const saidPatience = time.Second

// LastWords returns what overhear has kept, when the command has ended.
func (s *Session) LastWords() []byte {
	if s.heard == nil {
		return nil
	}
	select {
	case <-s.heard:
		return s.said
	case <-time.After(saidPatience):
		return nil
	}
}

// Expired returns the *control.ExpiredError of a session whose command has ended,
// nil if it is none.
func (s *Session) Expired() error { return s.ended(nil) }

// Output hands what the command prints to take, until it ends.
func (s *Session) Output(take func([]byte)) { copyTo(take, s) }

// CloseWrite ends the command's input.
func (s *Session) CloseWrite() error { return s.channel.CloseWrite() }

// Close gives the session up. sshd then ends the command's input and output.
func (s *Session) Close() error {
	err := s.channel.Close()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// lossShows is how long after its sessions a lost connection has ended.
const lossShows = time.Second

// stays reports whether the connection outlives a session that ended without an
// exit status: a connection that is lost takes its sessions along first.
func stays(ctx context.Context) bool {
	select {
	case <-time.After(lossShows):
		return true
	case <-ctx.Done():
		return false
	}
}

// Wait returns the command's exit code, -1 where the server said none. The error
// reports that the connection has ended.
func (s *Session) Wait() (int, error) {
	select {
	case code := <-s.exit:
		if code < 0 && !stays(s.conn) {
			return -1, s.conn.Err()
		}
		return code, nil
	case <-s.conn.Done():
		select {
		case code := <-s.exit: // tinysshd ends the connection with the session
			if code >= 0 {
				return code, nil
			}
		case <-s.gone:
		case <-time.After(lossShows):
		}
		return -1, s.conn.Err()
	}
}
