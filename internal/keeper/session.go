package keeper

import (
	"context"
	"errors"
	"io"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/target"
)

// session is one "session" channel of a connection (RFC 4254, 6). Opening it
// costs a round trip; everything asked of it afterwards is sent without
// waiting for an answer, so that what a command says first arrives one round
// trip after it was started.
type session struct {
	channel ssh.Channel
	exit    chan int // one value: the exit code, -1 where none was said
}

// openSession opens a session and drains its requests until it ends.
func openSession(conn sshconn.Connection) (*session, error) {
	channel, requests, err := conn.OpenChannel("session", nil)
	if err != nil {
		return nil, err
	}
	s := &session{channel: channel, exit: make(chan int, 1)}
	go s.drain(requests)
	return s, nil
}

// drain answers what the server asks of the session and keeps its exit status.
func (s *session) drain(requests <-chan *ssh.Request) {
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
func (s *session) forwardAgent() error {
	_, err := s.channel.SendRequest("auth-agent-req@openssh.com", false, nil)
	return err
}

// terminal asks for a pseudo-terminal without settings of its own (RFC 4254, 6.2).
func (s *session) terminal(pty Pty) error {
	payload := ssh.Marshal(struct {
		Term                         string
		Columns, Rows, Width, Height uint32
		Modes                        string
	}{pty.Term, pty.Columns, pty.Rows, 0, 0, "\x00"})
	_, err := s.channel.SendRequest("pty-req", false, payload)
	return err
}

// setenv sets a variable (RFC 4254, 6.4), if the server's AcceptEnv lets it be.
func (s *session) setenv(v target.EnvVar) error {
	_, err := s.channel.SendRequest("env", false, ssh.Marshal(v))
	return err
}

// exec starts a command. A server that refuses it closes the session or leaves
// it silent, so whoever waits for output needs a time limit.
func (s *session) exec(command string) error {
	_, err := s.channel.SendRequest("exec", false, ssh.Marshal(struct{ Command string }{command}))
	return err
}

// shellCommand starts the shell that reads our scripts. It needs no quoting in
// any login shell.
const shellCommand = "exec /bin/sh"

// Read reads the command's output.
func (s *session) Read(p []byte) (int, error) { return s.channel.Read(p) }

// Write writes to the command's input.
func (s *session) Write(p []byte) (int, error) { return s.channel.Write(p) }

// CloseWrite ends the command's input.
func (s *session) CloseWrite() error { return s.channel.CloseWrite() }

// Close gives the session up. sshd then ends the command's input and output.
func (s *session) Close() error {
	err := s.channel.Close()
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// lossShows is how long after its sessions a lost connection has ended.
const lossShows = time.Second

// stays says whether the connection outlives a session of which nothing was
// said in the end: one that is lost takes its sessions along first.
func stays(ctx context.Context) bool {
	select {
	case <-time.After(lossShows):
		return true
	case <-ctx.Done():
		return false
	}
}

// Wait returns the command's exit code, -1 where the server said none. ctx is
// the connection's.
func (s *session) Wait(ctx context.Context) (int, error) {
	select {
	case code := <-s.exit:
		if code < 0 && !stays(ctx) {
			return -1, ctx.Err()
		}
		return code, nil
	case <-ctx.Done():
		return -1, ctx.Err()
	}
}
