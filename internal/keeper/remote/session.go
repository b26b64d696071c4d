package remote

import (
	"context"
	"errors"
	"io"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
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
	// errSessionClosed reports that the server closed a session before it did what
	// it was for.
	errSessionClosed = errors.New("the server closed the session")
)

// openSession opens a session and drains its requests until it ends, and then
// calls ended. The error is a *control.RoomError where the server opens no more of
// them, ctx's, or errNoSession.
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

// forwardAgent asks for agent forwarding (draft-ietf-secsh-agent). Whether the
// server agrees shows in the session's environment.
func (s *Session) forwardAgent() error {
	return s.request("auth-agent-req@openssh.com", nil)
}

// terminal asks for a pseudo-terminal without settings of its own (RFC 4254, 6.2).
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

// shell starts the shell that reads our scripts.
func (s *Session) shell() error {
	s.overhear()
	return s.exec(shellCommand)
}

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

// shellCommand needs no quoting in any login shell.
const shellCommand = "exec /bin/sh"

// Read reads the command's output. The error is io.EOF, or an *control.ExpiredError.
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
