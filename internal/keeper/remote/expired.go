package remote

import (
	"bytes"
	"time"
)

// saysExpired is what sshd says first, on standard error or the terminal, where it
// runs passwd in place of what it was told to (session.c, do_pwchange).
var saysExpired = []byte("WARNING: Your password has expired.")

// maxSaid is how much is kept of what comes in place of a shell, in bytes.
const maxSaid = 1 << 10

// saidPatience is how long its end is waited for, once the shell has ended.
const saidPatience = time.Second

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

// ended is the error of a session whose command has: err, or an *control.ExpiredError.
func (s *Session) ended(err error) error {
	if bytes.HasPrefix(s.LastWords(), saysExpired) {
		return s.expired
	}
	return err
}

// Expired returns the *control.ExpiredError of a session whose command has ended,
// nil if it is none.
func (s *Session) Expired() error { return s.ended(nil) }

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
