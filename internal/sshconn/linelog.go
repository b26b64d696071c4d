package sshconn

import (
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/rs/zerolog"
)

const (
	// maxLogLine bounds what one line may take up.
	maxLogLine = 4 << 10
	// maxToldLines bounds how many lines of one program a person is shown.
	maxToldLines = 100
)

// heldBack is how long a line waits for what comes after it. Tests change it.
var heldBack = time.Second

// lineLog writes a program's stderr to the log, and keeps the last line with
// text. While a person is there, each line is shown to them as well, but not at
// once: the last words of a program that fails are part of the error.
//
//	          more, a question, the dial's end, or time while the program runs
//	a line --> held ---------------------------------------------------------> shown
//	             \-----the program's failure is explained---> dropped
//
// A line that has no end yet, such as a question, is taken for one after that
// time.
type lineLog struct {
	log     zerolog.Logger
	from    string // whose
	mu      sync.Mutex
	partial string
	kept    string

	tell  func(line string) // nil: nobody is there
	held  string
	timer *time.Timer
	ended bool
	lines int // shown
	bytes int
}

func (l *lineLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for part := range strings.Lines(string(b)) {
		l.partial += part
		if strings.HasSuffix(part, "\n") || len(l.partial) > maxLogLine {
			l.flushLocked()
		}
	}
	l.waitLocked()
	return len(b), nil
}

// flushLocked ends a line.
func (l *lineLog) flushLocked() {
	line := strings.TrimSpace(printable(l.partial[:min(len(l.partial), maxLogLine)]))
	l.partial = ""
	if line == "" {
		return
	}
	l.kept = line
	l.log.Info().Str("stderr", line).Msg(l.from)
	l.showLocked()
	l.held = line
}

// waitLocked has what is held shown if nothing comes after it.
func (l *lineLog) waitLocked() {
	if l.tell == nil || l.ended || l.held == "" && l.partial == "" {
		return
	}
	if l.timer == nil {
		l.timer = time.AfterFunc(heldBack, l.show)
	} else {
		l.timer.Reset(heldBack)
	}
}

// end says that the program has ended: its last line waits for what becomes of
// the dial, however long that takes.
func (l *lineLog) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	if l.timer != nil {
		l.timer.Stop()
	}
}

// show shows what was written so far.
func (l *lineLog) show() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tell != nil {
		l.flushLocked()
		l.showLocked()
	}
}

func (l *lineLog) showLocked() {
	line := l.held
	l.held = ""
	if l.tell == nil || line == "" || l.lines >= maxToldLines || l.bytes+len(line) > maxShown {
		return
	}
	l.lines++
	l.bytes += len(line)
	l.tell(line)
}

// hush shows what was written so far, and nothing from then on.
func (l *lineLog) hush() {
	l.show()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tell, l.held = nil, ""
	if l.timer != nil {
		l.timer.Stop()
	}
}

// last returns the last line, for an error: it is not shown any more.
func (l *lineLog) last() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flushLocked()
	l.held = ""
	return l.kept
}

// programSays returns what tells a line of a program; nil if nobody is there.
func programSays(tell func(Notice)) func(line string) {
	if tell == nil {
		return nil
	}
	return func(line string) { tell(Notice{Kind: NoticeProgram, Text: bounded(line)}) }
}

// printable drops control characters, which may come from the other side, and is
// never longer than s: what is no UTF-8 becomes question marks.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
