package openssh

import (
	"cmp"
	"errors"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/text"
)

const (
	maxSSHLine  = 2 << 10 // bytes of one line that are kept
	maxSSHLines = 200     // lines of one ssh that are kept and logged
)

// stderr reads what an ssh writes to its standard error. It keeps the first
// lines, logs what a person would see of them, and passes all on to speech. A
// server can make ssh write any number.
//
// Before a question of ssh's, and when it has connected, all that it has
// written by then has to be read. So follow is not the only one to empty the
// pipe: catchUp does, too.
type stderr struct {
	log    zerolog.Logger
	speech *speech           // nil where nobody listens
	heard  func(line string) // if set, is told each line of ssh's own for debugging

	mu      sync.Mutex
	from    *os.File // ssh's standard error; nil once it is at its end
	partial []byte
	lines   []string
	final   string // the last line with text, kept or not
}

// follow reads until ssh has closed its end, or until finish.
func (w *stderr) follow(from *os.File) {
	w.from = from
	raw, err := from.SyscallConn()
	if err != nil {
		return // not for a pipe that was just made
	}
	go func() {
		_ = raw.Read(func(fd uintptr) (end bool) {
			for {
				if more, end := w.read(int(fd)); !more {
					return end
				}
			}
		})
	}()
}

// read reads some of what is there. more reports whether there may be more at
// once, end whether nothing will come any more.
func (w *stderr) read(fd int) (more, end bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	buffer := make([]byte, 4<<10)
	n, err := unix.Read(fd, buffer)
	switch {
	case errors.Is(err, unix.EINTR):
		return true, false
	case errors.Is(err, unix.EAGAIN):
		return false, false
	case n <= 0:
		return false, true
	}
	w.writeLocked(buffer[:n])
	w.speech.send()
	return true, false
}

// maxCatchUp bounds how often catchUp reads: more often than a full pipe needs,
// and not for ever if ssh writes without end.
const maxCatchUp = 64

// catchUp reads what ssh has written by now.
func (w *stderr) catchUp() {
	w.mu.Lock()
	from := w.from
	w.mu.Unlock()
	if from == nil {
		return
	}
	raw, err := from.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		for range maxCatchUp {
			if more, _ := w.read(int(fd)); !more {
				return
			}
		}
	})
}

// finish reads the rest when ssh has ended. It does not wait for children of
// ssh's, which may keep its standard error open.
func (w *stderr) finish() {
	w.catchUp()
	w.mu.Lock()
	from := w.from
	w.from = nil
	if len(w.partial) > 0 {
		w.endLocked()
	}
	w.mu.Unlock()
	from.Close() // waits for follow, which may wait for the lock
}

func (w *stderr) writeLocked(b []byte) {
	for _, c := range b {
		if c == '\n' {
			w.endLocked()
		} else if len(w.partial) < maxSSHLine {
			w.partial = append(w.partial, c)
		}
	}
}

// endLocked ends a line. A text of the server's without an end may be before one
// of ssh's own.
func (w *stderr) endLocked() {
	line, own := strings.CutSuffix(string(w.partial), "\r")
	w.partial = w.partial[:0]
	if i := strings.Index(line, "debug1: "); own && i > 0 {
		w.lineLocked(line[:i], false)
		line = line[i:]
	}
	w.lineLocked(line, own)
}

// lineLocked takes a line. own reports whether it ended as ssh's own lines do.
func (w *stderr) lineLocked(line string, own bool) {
	w.speech.hear(line, own)
	line = strings.TrimSpace(text.Clean(line))
	if line == "" {
		return
	}
	debug := isDebug(line)
	if !debug {
		w.final = line
	} else if own && w.heard != nil {
		w.heard(line)
	}
	if len(w.lines) >= maxSSHLines {
		return
	}
	w.lines = append(w.lines, line)
	if !debug {
		w.log.Info().Str("stderr", line).Msg("ssh")
	}
}

// isDebug reports whether a line is one for debugging. There are many, so they go
// to the log only if ssh has failed.
func isDebug(line string) bool { return strings.HasPrefix(line, "debug") }

// saysRuns is what ssh says when it runs a command of the configuration. What
// follows is the command, which may hold a secret.
var saysRuns = regexp.MustCompile(`^debug1: Executing [a-z ]+: `)

// logDebug logs the kept lines for debugging.
func (w *stderr) logDebug() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, line := range w.lines {
		if isDebug(line) {
			line = cmp.Or(saysRuns.FindString(line), line)
			w.log.Debug().Str("stderr", line).Msg("ssh")
		}
	}
}

// said returns the kept lines, and the last line but for debugging.
func (w *stderr) said() (lines []string, final string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lines, w.final
}

// tellUntilNow shows what ssh has written before it asks something.
func (w *stderr) tellUntilNow() {
	w.catchUp()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.partial) > 0 {
		w.endLocked()
	}
	w.speech.release()
	w.speech.send()
}

// tellAll shows what is left when ssh has connected, and nothing from then on.
func (w *stderr) tellAll() {
	w.tellUntilNow()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.speech = nil
}

// tellButLast shows what is left when ssh has ended for a reason that it alone
// knows, without the last line, which is the error.
func (w *stderr) tellButLast() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.speech.releaseBut(w.final)
	w.speech.send()
	w.speech = nil
}
