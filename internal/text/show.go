package text

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxASCII is the length to which ASCII cuts, in bytes.
const MaxASCII = 200

// Clean drops control characters but tabs, which may come from another
// machine. The result is never longer than s: bytes that are no UTF-8 become
// question marks.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

// ASCII returns s as one line of printable ASCII without blanks at its ends, cut
// to MaxASCII bytes. Every other character becomes a question mark.
func ASCII[T string | []byte](s T) string {
	words := strings.TrimSpace(string(s))
	if len(words) > MaxASCII {
		words = words[:MaxASCII]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, words)
}

// Escape makes s one line for a terminal: it writes what cannot be printed as
// Go does, such as \x1b.
func Escape(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		quoted := fmt.Sprintf("%+q", r)
		b.WriteString(strings.Trim(quoted, "'"))
	}
	return b.String()
}

// Cut cuts s to at most so many bytes, at the end of a character. Bytes that are
// no UTF-8 become question marks.
func Cut(s string, most int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= most {
		return s
	}
	for !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// maxLines bounds what one text takes of the screen.
const maxLines = 60

// Lines is a text of another machine's for the terminal, as whole lines: its
// control characters are escaped but for the ends of lines.
func Lines(s string) string {
	if s = Block(s); s == "" || strings.HasSuffix(s, "\n") {
		return s
	}
	return s + "\n"
}

// Block is Lines without an end of line at the end.
func Block(s string) string {
	all := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	all = all[:min(len(all), maxLines)]
	for i, line := range all {
		all[i] = Escape(strings.ReplaceAll(line, "\t", "    "))
	}
	return strings.Join(all, "\n")
}
