package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/text"
	"github.com/mosha-ssh/mosha/internal/tty"
)

// person answers a keeper's questions for this launch, with ssh's own words.
type person struct {
	host    string
	name    string // what each question and notice begins with, where there are several hosts
	stop    *tty.Interruption
	display *tty.Progress // of the hosts that are worked on side by side, nil if it is one at a time
}

// personFor answers for one of the hosts that a command was given.
func personFor(host string, several bool, stop *tty.Interruption) *person {
	p := &person{host: host, stop: stop}
	if several {
		p.name = text.Escape(host) + ": "
	}
	return p
}

// Answer puts the questions one after the other. The first one that is not
// answered ends it.
func (p *person) Answer(ctx context.Context, q control.Inquiry) (answers [][]byte, err error) {
	if p.display == nil {
		return p.answer(ctx, q)
	}
	p.display.Ask(func() {
		if err = ctx.Err(); err == nil { // else it became void while another was open
			answers, err = p.answer(ctx, q)
		}
	})
	return answers, err
}

func (p *person) answer(ctx context.Context, q control.Inquiry) ([][]byte, error) {
	if q.Prompt != nil && len(q.Prompt.Fields) == 0 { // something to read only
		p.show(text.Lines(q.Prompt.Name) + text.Lines(q.Prompt.Instruction))
	}
	var answers [][]byte
	for _, one := range explain.Questions(q) {
		answer, err := p.ask(ctx, one)
		if err != nil {
			sshconn.Wipe(answers)
			return nil, err
		}
		answers = append(answers, answer)
	}
	return answers, nil
}

func (p *person) ask(ctx context.Context, q tty.Question) ([]byte, error) {
	q.Before, q.Text, q.Leave = p.named(q.Before), p.name+q.Text, p.stop != nil
	answer, err := tty.Ask(ctx, q)
	var came *tty.SignalError
	if errors.As(err, &came) {
		p.stop.By(came.Signal)
	}
	return answer, err
}

// named begins each line with the host's name.
func (p *person) named(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(p.name + line)
	}
	return b.String()
}

// show shows what is not mosha's own.
func (p *person) show(text string) { fmt.Fprint(os.Stderr, p.named(text)) }

// Tell shows a notice.
func (p *person) Tell(n sshconn.Notice) {
	words, own := explain.Notice(n)
	switch {
	case n.Kind == sshconn.NoticeStage:
		p.tell("%s", words)
	case own:
		p.aside(func() { say("%s", p.name+words) })
	default:
		p.aside(func() { p.show(words) })
	}
}

// tell shows what takes long: as a line, or of several hosts in the display.
func (p *person) tell(format string, args ...any) {
	words := fmt.Sprintf(format, args...)
	if p.display != nil && p.name != "" {
		p.display.Is(p.host, text.Escape(words))
		return
	}
	report("%s", p.name+words)
}

// note says what ssh would say while it connects.
func (p *person) note(notes []sshconn.Note) {
	for _, note := range notes {
		p.aside(func() { say("%s", p.name+explain.Note(note)) })
	}
}

func (p *person) aside(write func()) {
	if p.display == nil {
		write()
		return
	}
	p.display.Aside(write)
}
