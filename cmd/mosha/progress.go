package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/text"
)

// progress shows on a terminal which hosts are worked on, below the lines about
// those that are done. Elsewhere, and for one host, it shows nothing. One thing
// at a time is said or asked. While a question is open the display is away;
// what becomes of other hosts meanwhile is printed above the question.
type progress struct {
	stop    *interruption
	several bool
	asking  sync.Mutex // one question at a time

	mu     sync.Mutex
	total  int
	done   int
	hosts  []string // that are worked on, in the order in which they began
	states map[string]string
	screen *screen // nil: no display, or it is away
	live   bool    // there is a display when no question is open
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

func newProgress(total int, stop *interruption) *progress {
	p := &progress{total: total, several: total > 1, stop: stop, states: map[string]string{}}
	if p.several && isTerminal(os.Stderr) {
		p.screen, p.live = newScreen(os.Stderr), true
	}
	return p
}

// close ends the display. It may be called twice.
func (p *progress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hide()
	p.live = false
}

// hide takes the display away, show brings it back. Both need the lock.
func (p *progress) hide() {
	if p.screen != nil {
		p.screen.erase()
		p.screen.leave()
		p.screen = nil
	}
}

func (p *progress) show() {
	if p.live {
		p.screen = newScreen(os.Stderr)
		p.draw()
	}
}

func (p *progress) begin(host string) {
	p.change(func() {
		p.hosts = append(p.hosts, host)
		p.states[host] = "connecting"
	})
}

func (p *progress) connected(host string) { p.is(host, "connected") }

// is shows what a host is at that is worked on.
func (p *progress) is(host, state string) {
	p.change(func() {
		if p.states[host] != "" {
			p.states[host] = state
		}
	})
}

// end calls tell, which prints what became of the host.
func (p *progress) end(host string, tell func()) {
	p.aside(func() {
		tell()
		p.done++
		delete(p.states, host)
	})
}

// change draws the display after a change.
func (p *progress) change(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
	p.draw()
}

// aside has something written to the terminal where the display was, or above
// the question that is open.
func (p *progress) aside(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	away := p.screen == nil
	p.hide()
	console.aside(do)
	if !away {
		p.show()
	}
}

// ask has a question put, with the display out of the way, when no other is open.
func (p *progress) ask(put func()) {
	p.asking.Lock()
	defer p.asking.Unlock()
	p.mu.Lock()
	p.hide()
	p.mu.Unlock()
	put()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.show()
}

func (p *progress) draw() {
	if p.screen == nil {
		return
	}
	var b strings.Builder
	for _, host := range p.hosts {
		if state, ok := p.states[host]; ok {
			fmt.Fprintf(&b, "%s: %s\n", text.Escape(host), state)
		}
	}
	fmt.Fprintf(&b, "%d of %d done\n", p.done, p.total)
	p.screen.draw(b.String())
}

// worker is the person as one of the hosts has them.
type worker struct {
	p    *progress
	host string
	who  *person
}

func (p *progress) personFor(host string) *worker {
	return &worker{p: p, host: host, who: personFor(host, p.several, p.stop)}
}

// Answer puts a question.
func (w *worker) Answer(ctx context.Context, q control.Inquiry) (answers [][]byte, err error) {
	w.p.ask(func() {
		if err = ctx.Err(); err == nil { // else it became void while another was open
			answers, err = w.who.Answer(ctx, q)
		}
	})
	return answers, err
}

// Tell shows a notice.
func (w *worker) Tell(n sshconn.Notice) {
	if n.Kind == sshconn.NoticeStage && w.p.several {
		w.tell("%s", stageWords(n.Stage))
		return
	}
	w.p.aside(func() { w.who.Tell(n) })
}

// tell shows what takes long: of one host as a line, of several in the display.
func (w *worker) tell(format string, args ...any) {
	if w.p.several {
		w.p.is(w.host, text.Escape(fmt.Sprintf(format, args...)))
		return
	}
	report(format, args...)
}

// note says what ssh would say while it connects.
func (w *worker) note(notes []sshconn.Note) {
	if len(notes) > 0 {
		w.p.aside(func() { sayNotes(w.who.name, notes) })
	}
}
