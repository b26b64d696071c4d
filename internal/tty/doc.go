// Package tty is the terminal: it asks, reads what is typed, goes by signals
// while it does, and draws tables and progress. It knows neither what it asks nor
// for whom.
package tty

import (
	"os"

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
