package mosh

import (
	"fmt"
	"strings"
)

// decode is a script for sh(1) that runs what anyShell has encoded in its
// arguments. tr(1) alone can name a backslash without one: within a range.
const decode = `IFS=; eval "$(printf %b "$(echo "$*" | tr "[^]" "[-]")")"`

// maxWord bounds an argument of anyShell's, in bytes: csh bounds its words.
const maxWord = 500

// anyShell returns a command with which any shell runs a script by sh(1). Words
// between single quotes mean the same to every shell, as long as they have no
// single quote (rc, elvish), backslash (fish, xonsh), exclamation mark (csh),
// name of a variable or tilde (xonsh) nor end of line (csh). A restricted login
// shell takes the command too, if it has sh, tr and printf in its PATH.
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
