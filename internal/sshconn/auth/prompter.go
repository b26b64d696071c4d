package auth

import (
	"context"
	"errors"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/text"
)

// Bounds on what a server can ask by keyboard-interactive.
const (
	maxFields = 32      // questions in a round; PAM has no more
	maxRound  = 8 << 10 // bytes of a round; JSON may make six of one, and a line of 64 KiB has to take it
	maxRounds = 64      // rounds in one connection
)

// size is how many bytes of the server's are in it.
func size(p *sshconn.Prompt) int {
	n := len(p.Name) + len(p.Instruction)
	for _, field := range p.Fields {
		n += len(field.Text)
	}
	return n
}

// prompter is who can be asked and told something while Dial is under way. All
// clocks rest while a question is open.
type prompter struct {
	ctx    context.Context // ends with the connection
	prompt func(context.Context, sshconn.Prompt) ([][]byte, error)
	tell   func(sshconn.Notice)
	pause  func() (resume func())

	shown   int   // bytes of the server's that were shown
	typed   bool  // the server was given something that was typed
	unasked bool  // a question had no answer
	refused error // why the whole attempt is over, from prompt
}

// there reports whether somebody can be asked.
func (p *prompter) there() bool { return p.prompt != nil && p.refused == nil }

// ask returns the answers, which the caller overwrites. The error is
// ErrNoAnswer, or one that ends the attempt.
func (p *prompter) ask(q sshconn.Prompt) ([][]byte, error) {
	if !p.there() {
		return nil, sshconn.ErrNoAnswer
	}
	resume := p.pause()
	defer resume()
	answers, err := p.prompt(p.ctx, q)
	switch {
	case err == nil && len(answers) != q.Answers():
		sshconn.Wipe(answers)
		err = sshconn.ErrNoAnswer
	case err != nil && !errors.Is(err, sshconn.ErrNoAnswer):
		p.refused = err
	}
	p.unasked = p.unasked || err != nil
	return answers, err
}

// say shows a notice, if somebody is there to see it, and up to a bound.
func (p *prompter) say(n sshconn.Notice) {
	if p.tell == nil || p.shown > sshconn.MaxShown {
		return
	}
	most := sshconn.MaxText
	if n.Kind == sshconn.NoticeBanner {
		most = sshconn.MaxBanner
	}
	n.Text = text.Cut(n.Text, most)
	p.shown += len(n.Text)
	p.tell(n)
}

// agentPatience is how long the agent may take before a person is told that it
// may be them who is waited for.
const agentPatience = 5 * time.Second

// sayLate shows a notice unless the function that it returns is called soon.
// After that nothing is shown.
func (p *prompter) sayLate(n sshconn.Notice) (end func()) {
	said := make(chan struct{})
	timer := time.AfterFunc(agentPatience, func() {
		defer close(said)
		p.say(n)
	})
	return func() {
		if !timer.Stop() {
			<-said
		}
	}
}
