package child

import (
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/mosha-ssh/mosha/internal/text"
)

const (
	maxLine      = 4 << 10  // bytes of one line
	maxToldLines = 100      // lines of one program that a person is shown
	maxTold      = 32 << 10 // bytes of one program that a person is shown
)

// Lines writes a program's stderr to the log, and keeps the last line with
// text. While a person is there, each line is shown to them as well, but not at
// once: the last words of a program that fails are part of the error.
//
//	          more, a question, the dial's end, or time while the program runs
//	a line --> held ---------------------------------------------------------> shown
//	             \-----the program's failure is explained---> dropped
//
// A line that has no end yet, such as a question, is taken for one after that
// time. The exported fields are set before the first Write.
type Lines struct {
	Log      zerolog.Logger
	From     string            // the program's name, for the log
	Tell     func(line string) // nil: nobody is there
	HoldBack time.Duration     // how long a line waits for what comes after it

	mu      sync.Mutex
	partial string
	kept    string
	held    string
	timer   *time.Timer
	ended   bool
	lines   int // shown
	bytes   int
}

// Write never fails.
func (l *Lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for part := range strings.Lines(string(b)) {
		l.partial += part
		if strings.HasSuffix(part, "\n") || len(l.partial) > maxLine {
			l.flushLocked()
		}
	}
	l.waitLocked()
	return len(b), nil
}

// flushLocked ends a line.
func (l *Lines) flushLocked() {
	line := strings.TrimSpace(text.Clean(l.partial[:min(len(l.partial), maxLine)]))
	l.partial = ""
	if line == "" {
		return
	}
	l.kept = line
	l.Log.Info().Str("stderr", line).Msg(l.From)
	l.showLocked()
	l.held = line
}

// waitLocked has what is held shown if nothing comes after it.
func (l *Lines) waitLocked() {
	if l.Tell == nil || l.ended || l.held == "" && l.partial == "" {
		return
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(l.HoldBack, l.Show)
	} else {
		l.timer.Reset(l.HoldBack)
	}
}

// End notes that the program has ended: its last line waits for what becomes of
// the dial, however long that takes.
func (l *Lines) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if l.timer != nil {
		l.timer.Stop()
	}
}

// Show shows what was written so far.
func (l *Lines) Show() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.Tell != nil {
		l.flushLocked()
		l.showLocked()
	}
}

func (l *Lines) showLocked() {
	line := l.held
	l.held = ""
	if l.Tell == nil || line == "" || l.lines >= maxToldLines || l.bytes+len(line) > maxTold {
		return
	}
	l.lines++
	l.bytes += len(line)
	l.Tell(line)
}

// Hush shows what was written so far, and nothing from then on.
func (l *Lines) Hush() {
	l.Show()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Tell, l.held = nil, ""
	if l.timer != nil {
		l.timer.Stop()
	}
}

// Last returns the last line, for an error: it is not shown any more.
func (l *Lines) Last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flushLocked()
	l.held = ""
	return l.kept
}
