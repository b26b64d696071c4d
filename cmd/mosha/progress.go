package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/term"

	"github.com/mosha-ssh/mosha/internal/keeper"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// progress shows on a terminal which hosts are worked on, below the lines about
// those that are done. Elsewhere, and for one host, it shows nothing. One thing
// at a time is said or asked.
type progress struct {
	mu     sync.Mutex
	total  int
	done   int
	hosts  []string // that are worked on, in the order in which they began
	states map[string]string
	screen *screen // nil: no display
	signal chan os.Signal
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

func newProgress(total int) *progress {
	p := &progress{total: total, states: map[string]string{}}
	if total > 1 && isTerminal(os.Stderr) {
		p.screen = newScreen(os.Stderr)
		p.signal = make(chan os.Signal, 1)
		signal.Notify(p.signal, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		go p.interrupted(p.signal)
	}
	return p
}

// interrupted gives the terminal back before a signal ends the program as it
// does without a display. What the keepers are at they finish or leave as it
// was.
func (p *progress) interrupted(signals chan os.Signal) {
	s, ok := <-signals
	if !ok {
		return
	}
	(&screen{out: os.Stderr}).leave() // not p's, since a question may hold the lock
	signal.Reset()
	_ = syscall.Kill(os.Getpid(), s.(syscall.Signal))
}

// close ends the display. It may be called twice.
func (p *progress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.screen == nil {
		return
	}
	signal.Stop(p.signal)
	close(p.signal)
	p.screen.erase()
	p.screen.leave()
	p.screen = nil
}

func (p *progress) begin(host string) {
	p.change(func() {
		p.hosts = append(p.hosts, host)
		p.states[host] = "connecting"
	})
}

func (p *progress) connected(host string) {
	p.change(func() { p.states[host] = "connected" })
}

// end calls tell, which prints what became of the host.
func (p *progress) end(host string, tell func()) {
	p.aside(func() {
		tell()
		p.done++
		delete(p.states, host)
	})
}

// Answer puts a question, with the display out of the way.
func (p *progress) Answer(ctx context.Context, q keeper.Inquiry) (answers [][]byte, err error) {
	p.aside(func() { answers, err = (&person{tty: &console}).Answer(ctx, q) })
	return answers, err
}

// Tell shows a notice, with the display out of the way.
func (p *progress) Tell(n keeper.Notice) {
	p.aside(func() { (&person{tty: &console}).Tell(n) })
}

// note says what ssh would say while it connects, with the display out of the
// way.
func (p *progress) note(notes []sshconn.Note) {
	if len(notes) > 0 {
		p.aside(func() { sayNotes(notes) })
	}
}

// change draws the display after a change.
func (p *progress) change(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
	p.draw()
}

// aside has something written to the terminal where the display was.
func (p *progress) aside(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.screen == nil {
		do()
		return
	}
	p.screen.erase()
	p.screen.leave()
	do()
	p.screen = newScreen(os.Stderr)
	p.draw()
}

func (p *progress) draw() {
	if p.screen == nil {
		return
	}
	var b strings.Builder
	for _, host := range p.hosts {
		if state, ok := p.states[host]; ok {
			fmt.Fprintf(&b, "%s: %s\n", printable(host), state)
		}
	}
	fmt.Fprintf(&b, "%d of %d done\n", p.done, p.total)
	p.screen.draw(b.String())
}
