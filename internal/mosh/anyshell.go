package mosh

import (
	"fmt"
	"strings"
)

// decode is a script for sh(1) that runs what anyShell has encoded in its
// arguments. Itself it is encoded, too: tr(1) makes " of + and $ of @, which
// it can name only as ends of ranges.
//
//	IFS=; eval "$(printf %b "$(echo "$*" | tr [^] [-])")"
const decode = "set -f; eval `echo \"IFS=; eval +@(printf %b +@(echo +@*+ | tr [^] [-])+)+\" | tr \" .+#@%\" \" -%\"`"

// maxWord is how long an argument of anyShell's may be, in bytes: csh bounds
// its words.
const maxWord = 500

// anyShell returns the command that has sh(1) run a script, whatever shell it
// is given to. Words between single quotes mean the same to every shell, as
// long as there is no single quote (rc, elvish), backslash (fish, xonsh),
// exclamation mark (csh), dollar sign or tilde (xonsh) nor an end of line (csh)
// in them. A login shell that is restricted takes it, too, if it has sh, echo,
// tr and printf in its PATH.
func anyShell(script string) string {
	var encoded strings.Builder
	for _, b := range []byte("unset IFS; set +f; " + script) {
		if b < ' ' || b > '}' || strings.IndexByte("'\\!$^`\"", b) >= 0 {
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
