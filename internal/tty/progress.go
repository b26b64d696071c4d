package tty

import (
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/mosha-ssh/mosha/internal/text"
)

// Progress shows on a terminal which hosts are worked on, below the lines about
// those that are done. Elsewhere, and for one host, it shows nothing. It prints
// or asks one thing at a time. While a question is open the display is away,
// and lines about other hosts are printed above the question.
type Progress struct {
	asking sync.Mutex // one question at a time

	mu     sync.Mutex
	total  int
	done   int
	hosts  []string // that are worked on, in the order in which they began
	states map[string]string
	screen *Screen // nil: no display, or it is away
	live   bool    // there is a display when no question is open
}

// NewProgress returns the display of so many hosts, none of which is worked on.
func NewProgress(total int) *Progress {
	p := &Progress{total: total, states: map[string]string{}}
	if total > 1 && Is(os.Stderr) {
		p.screen, p.live = NewScreen(os.Stderr), true
	}
	return p
}

// Close ends the display. It may be called twice.
func (p *Progress) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hide()
	p.live = false
}

// hide takes the display away, show brings it back. Both need the lock.
func (p *Progress) hide() {
	if p.screen != nil {
		p.screen.erase()
		p.screen.Leave()
		p.screen = nil
	}
}

func (p *Progress) show() {
	if p.live {
		p.screen = NewScreen(os.Stderr)
		p.draw()
	}
}

// Begin shows that a host is worked on.
func (p *Progress) Begin(host, state string) {
	p.change(func() {
		p.hosts = append(p.hosts, host)
		p.states[host] = state
	})
}

// Is shows what a host is at that is worked on.
func (p *Progress) Is(host, state string) {
	p.change(func() {
		if p.states[host] != "" {
			p.states[host] = state
		}
	})
}

// End calls tell, which prints what became of the host.
func (p *Progress) End(host string, tell func()) {
	p.Aside(func() {
		tell()
		p.done++
		delete(p.states, host)
	})
}

// change draws the display after a change.
func (p *Progress) change(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	do()
	p.draw()
}

// Aside lets do write to the terminal where the display was, or above the
// question that is open.
func (p *Progress) Aside(do func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	away := p.screen == nil
	p.hide()
	console.aside(do)
	if !away {
		p.show()
	}
}

// Ask calls put, which asks something, when no other question is open. The
// display is away meanwhile.
func (p *Progress) Ask(put func()) {
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

func (p *Progress) draw() {
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
	p.screen.Draw(b.String())
}
