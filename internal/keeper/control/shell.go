package control

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"time"
)

const (
	// maxInput is how much of a shell's input goes into one call, in bytes: it
	// is longer as base64, and a line is bounded.
	maxInput = 32 << 10
	// maxUnread is how much of a shell's output may wait to be read, in bytes.
	maxUnread = 4 << 20
)

// RemoteShell is a shell that runs on the remote over the keeper's connection.
// Read returns io.EOF when the shell has ended, a *RoomError where the server
// would not run it, or the error of the connection. It ends with the
// client's context.
type RemoteShell struct {
	c       *Client
	written chan struct{} // a call was carried out
	gone    chan struct{} // nothing more will be heard
	end     sync.Once

	mu     sync.Mutex
	news   *sync.Cond
	unread bytes.Buffer
	err    error // once nothing more will come
}

// Shell starts a POSIX shell on the remote, with the agent forwarded if agent is
// set. Nothing else happens there. It must be closed.
func (c *Client) Shell(agent bool) (*RemoteShell, error) {
	if err := c.say(Call{Op: OpShell, Shell: &Shell{Agent: agent}}); err != nil {
		return nil, err
	}
	s := &RemoteShell{c: c, written: make(chan struct{}, 1), gone: make(chan struct{})}
	s.news = sync.NewCond(&s.mu)
	go s.hear()
	return s, nil
}

// hear keeps what the shell prints until it is read: whoever writes to the
// shell need not read at the same time.
func (s *RemoteShell) hear() {
	defer close(s.gone)
	for {
		r, err := s.c.hear()
		if err == nil && r.Exit != nil {
			err = io.EOF
		}
		if err == nil && r.Done {
			s.written <- struct{}{}
			continue
		}
		if err = s.take(r.Output, err); err != nil {
			return
		}
	}
}

// errUnread reports that a shell prints more than is read.
var errUnread = errors.New("the remote's shell prints too much")

func (s *RemoteShell) take(output []byte, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.news.Broadcast()
	s.unread.Write(output)
	if err == nil && s.unread.Len() > maxUnread {
		err = errUnread
	}
	s.err = err
	return err
}

// Read reads what the shell prints.
func (s *RemoteShell) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.unread.Len() == 0 && s.err == nil {
		s.news.Wait()
	}
	if s.unread.Len() > 0 {
		return s.unread.Read(p)
	}
	return 0, s.err
}

// Write writes to the shell's input. It fails with ErrGone once the shell has
// ended, and else as Read does.
func (s *RemoteShell) Write(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		piece := p[n:min(len(p), n+maxInput)]
		if err := s.ask(Call{Op: OpInput, Input: piece}); err != nil {
			return n, err
		}
		n += len(piece)
	}
	return n, nil
}

// CloseWrite ends the shell's input.
func (s *RemoteShell) CloseWrite() error { return s.ask(Call{Op: OpEnd}) }

// ask makes a call and waits until it is carried out: the keeper takes one at a
// time. Where it takes none any more, it may have sent the reason.
func (s *RemoteShell) ask(what Call) error {
	if err := s.c.say(what); err != nil {
		select {
		case <-s.gone:
			return s.ended()
		case <-time.After(patience):
			return err
		}
	}
	select {
	case <-s.written:
		return nil
	case <-s.gone:
		return s.ended()
	}
}

// ended returns why the shell takes no more.
func (s *RemoteShell) ended() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !errors.Is(s.err, io.EOF) {
		return s.err
	}
	return ErrGone
}

// Close ends the conversation, and with it the shell's input. What is blocked
// in Read or Write returns.
func (s *RemoteShell) Close() error {
	s.end.Do(func() {
		s.c.Close()
		<-s.gone
	})
	return nil
}
