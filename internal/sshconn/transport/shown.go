package transport

import (
	"strings"
	"sync"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// shown is what a person saw of the attempt over the native transport. The one
// over OpenSSH after it meets the same server and files, and need not show
// again what ssh says of them.
type shown struct {
	mu    sync.Mutex
	lines map[string]bool
	files map[string]bool
}

func newShown() *shown { return &shown{lines: make(map[string]bool), files: make(map[string]bool)} }

// remember returns tell, nil for nil, that remembers.
func (s *shown) remember(tell func(sshconn.Notice)) func(sshconn.Notice) {
	if tell == nil {
		return nil
	}
	return func(n sshconn.Notice) {
		s.mu.Lock()
		switch n.Kind {
		case sshconn.NoticeSkipped:
			s.files[n.File] = true
		case sshconn.NoticeBanner:
			s.addLocked(n.Text)
		}
		s.mu.Unlock()
		tell(n)
	}
}

func (s *shown) addLocked(text string) {
	for line := range strings.Lines(text) {
		s.lines[shownLine(line)] = true
	}
}

func shownLine(line string) string { return strings.TrimRight(line, "\r\n") }

// leaveOut returns tell, nil for nil, without what is remembered.
func (s *shown) leaveOut(tell func(sshconn.Notice)) func(sshconn.Notice) {
	if tell == nil {
		return nil
	}
	return func(n sshconn.Notice) {
		s.mu.Lock()
		again := n.Kind == sshconn.NoticeSkipped && s.files[n.File]
		if n.Kind == sshconn.NoticeBanner {
			n.Text = s.newLocked(n.Text)
			again = strings.TrimSpace(n.Text) == ""
		}
		s.mu.Unlock()
		if !again {
			tell(n)
		}
	}
}

// newLocked returns the lines of a text that were not shown.
func (s *shown) newLocked(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !s.lines[shownLine(line)] {
			b.WriteString(line)
		}
	}
	return b.String()
}
