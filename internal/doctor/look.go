package doctor

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// shellsLimit is how long the login shells on the remote may take for their
// start-up files.
const shellsLimit = 5 * time.Second

// remoteSeen is what the doctor saw of the remote.
type remoteSeen struct {
	facts  facts
	noise  string
	states map[string]string // of the sockets that shells named: live, dead or none
	setup  bootstrap.Report
	setErr error // why the doctor could not see whether the remote is set up
	err    error // no probe ran
}

// look asks the remote's shell.
func (e *examination) look() (seen remoteSeen) {
	ctx, cancel := context.WithTimeout(e.ctx, probeLimit)
	defer cancel()
	shell, err := e.shell(ctx, false)
	if err != nil {
		return remoteSeen{err: err}
	}
	p, err := startProbe(ctx, shell, "facts")
	if err != nil {
		return remoteSeen{err: inTime(ctx, err)}
	}
	end := sync.OnceFunc(p.end)
	defer end()
	seen.noise = p.out.Noise()
	if err := p.facts(&seen.facts); err != nil {
		seen.err = inTime(ctx, err)
		return seen
	}
	seen.states = p.aftermath(&seen.facts)
	end() // the server may not allow one more session
	e.preview(&seen)
	return seen
}

// preview finds out what the set-up would do.
func (e *examination) preview(seen *remoteSeen) {
	ctx, cancel := context.WithTimeout(e.ctx, probeLimit)
	defer cancel()
	seen.setup, seen.setErr = bootstrap.PreviewSetup(ctx, runner{e})
}

// errSlow says that the remote did not answer in time.
var errSlow = errors.New("no answer in time")

// inTime names the time limit as the cause if it was that.
func inTime(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &remotesh.Error{Kind: remotesh.NoShell, Detail: said(err), Err: errSlow}
	}
	return err
}

// refused returns the check to report where the remote's shell failed.
func refused(c Check, err error) Check {
	var expired *control.ExpiredError
	var remote *remotesh.Error
	switch {
	case errors.As(err, &expired):
		return c.fails(Expired, expired.User, expired.Host, err)
	case isNoRoom(err):
		return c.fails(NoRoom, "", "", err)
	case !errors.As(err, &remote):
		return c.fails(Lost, "", "", err)
	case remote.Err == nil, errors.Is(err, errSlow), said(err) != "":
		return c.fails(NoShell, "", said(err), err)
	}
	return c.fails(Lost, "", "", remote.Err)
}

// said returns what came in place of the probe's answer.
func said(err error) string {
	var remote *remotesh.Error
	if errors.As(err, &remote) && remote.Kind == remotesh.NoShell {
		return remote.Detail
	}
	return ""
}

// facts reads the facts part. The shells have their own limit: what they report
// later does not count.
func (p *probe) facts(f *facts) error {
	lines := p.listen()
	for {
		l := <-lines
		switch {
		case l.err != nil:
			return l.err
		case l.word == "end":
			return p.awaitShells(lines, f)
		case !f.take(l.word, l.rest):
			return remotesh.Garbled(l.word)
		}
	}
}

func (p *probe) awaitShells(lines <-chan spoken, f *facts) error {
	timer := time.NewTimer(shellsLimit)
	defer timer.Stop()
	for !f.complete() {
		select {
		case l := <-lines:
			if l.err != nil {
				return l.err
			}
			f.takeShell(l.word, l.rest)
		case <-timer.C:
			return nil
		}
	}
	return nil
}

// spoken is a line of the probe, or why there are no more.
type spoken struct {
	word, rest string
	err        error
}

// listen reads lines in the background until the output ends; the last has an
// error. end reads those that nobody else reads.
func (p *probe) listen() <-chan spoken {
	lines := make(chan spoken)
	p.heard = lines
	go func() {
		defer close(lines)
		for {
			var l spoken
			l.word, l.rest, l.err = p.next()
			lines <- l
			if l.err != nil {
				return
			}
		}
	}()
	return lines
}

// aftermath asks the probe which of the sockets that shells named live, and to
// end the agents that start-up files started for these shells.
func (p *probe) aftermath(f *facts) map[string]string {
	states := map[string]string{}
	for _, name := range f.shells() {
		words := f.said[name]
		if words.sock != "" && !isLink(words.sock) && states[words.sock] == "" {
			states[words.sock] = p.state(f, words.sock)
		}
		if words.agentPID != 0 {
			_ = p.say("reap " + strconv.Itoa(words.agentPID))
		}
	}
	return states
}

func (p *probe) state(f *facts, sock string) string {
	if p.say("state "+sock) != nil {
		return ""
	}
	for l := range p.heard {
		if l.err != nil || l.word == "state" {
			return l.rest
		}
		f.takeShell(l.word, l.rest)
	}
	return ""
}

// runner lets package bootstrap run its scripts over the keeper's connection.
type runner struct{ e *examination }

// Shell starts a shell for a script.
func (r runner) Shell(ctx context.Context) (remotesh.Shell, error) { return r.e.shell(ctx, false) }
