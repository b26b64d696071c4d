package tty

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"
)

// Is reports whether a file is a terminal.
func Is(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// Width is how many columns the terminal has that the file is, 0 if it is
// none or does not say.
func Width(f *os.File) int {
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return columns
}

// Screen draws a block of lines over the one before. It uses what every
// terminal of the last decades understands (ECMA-48, DEC private modes 7 and
// 25): lines that are too long are cut rather than wrapped, since a wrapped
// line would be two to the cursor.
type Screen struct {
	out   *os.File
	lines int // drawn last time; the cursor is below them
}

// NewScreen prepares the terminal.
func NewScreen(out *os.File) *Screen {
	_, _ = out.WriteString("\x1b[?25l\x1b[?7l")
	return &Screen{out: out}
}

// Draw draws the block over the one before.
func (s *Screen) Draw(block string) {
	lines := strings.Split(strings.TrimSuffix(block, "\n"), "\n")
	if _, rows, err := term.GetSize(int(s.out.Fd())); err == nil && rows > 1 && len(lines) >= rows {
		lines = lines[:rows-1]
	}
	var b strings.Builder
	if s.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", s.lines)
	}
	for _, line := range lines {
		b.WriteString("\r" + line + "\x1b[K\n")
	}
	b.WriteString("\x1b[J")
	_, _ = s.out.WriteString(b.String())
	s.lines = len(lines)
}

// erase takes the block off the terminal.
func (s *Screen) erase() {
	if s.lines > 0 {
		fmt.Fprintf(s.out, "\x1b[%dA\r\x1b[J", s.lines)
		s.lines = 0
	}
}

// Leave gives the terminal back as it was, the block still on it.
func (s *Screen) Leave() { _, _ = s.out.WriteString("\r\x1b[J\x1b[?7h\x1b[?25h") }
