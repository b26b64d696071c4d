package mosh

import (
	"fmt"
	"strings"
)

// decode is a script for sh(1) that runs what anyShell has encoded in its
// arguments. Only tr(1) can name a backslash without one, within a range.
const decode = `IFS=; eval "$(printf %b "$(echo "$*" | tr "[^]" "[-]")")"`

// maxWord is how long an argument of anyShell's may be, in bytes: csh bounds
// its words.
const maxWord = 500

// anyShell returns the command that has sh(1) run a script, whatever shell it
// is given to. Words between single quotes mean the same to every shell, as
// long as there is no single quote (rc, elvish), backslash (fish, xonsh),
// exclamation mark (csh), name of a variable or tilde (xonsh) nor an end of line
// (csh) in them. A login shell that is restricted takes it, too, if it has sh,
// tr and printf in its PATH.
func anyShell(script string) string {
	var encoded strings.Builder
	for _, b := range []byte("unset IFS; " + script) {
		if b < ' ' || b > '}' || strings.IndexByte(`'\!$^`, b) >= 0 {
			fmt.Fprintf(&encoded, "^0%03o", b)
		} else {
			encoded.WriteByte(b)
		}
	}
	line := "sh -c '" + decode + "' mosha"
	for rest := encoded.String(); rest != ""; {
		word := rest[:min(len(rest), maxWord)]
		rest = rest[len(word):]
		line += " '" + word + "'"
	}
	return line
}
