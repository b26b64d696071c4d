package sshconfig

import "regexp"

var (
	// piece is white space, or a part of a word: in double or single quotes, a
	// character behind a backslash, or plain.
	piece = regexp.MustCompile(`(?s)^(?:([ \t\n\r\f\v]+)|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|\\(.)|([^ \t\n\r\f\v"'\\]+))`)
	// escaped is a character behind a backslash.
	escaped = regexp.MustCompile(`(?s)\\(.)`)
)

// Words splits the value of --ssh into words as mosh does, which uses Perl's
// Text::ParseWords: words are parted by white space, '...' is literal, and a
// backslash makes the next character literal outside quotes and in "...". In
// '...' it stays, and the quote behind it does not close.
// Nothing is expanded and no character is an operator, since no shell runs.
// It fails with *QuoteError on an unfinished quote or a trailing backslash.
func Words(s string) ([]string, error) {
	var words []string
	between := true // words
	for rest := s; rest != ""; {
		found := piece.FindStringSubmatch(rest)
		if found == nil {
			return nil, &QuoteError{Text: s, Quote: rest[:1]}
		}
		rest = rest[len(found[0]):]
		if found[1] != "" {
			between = true
			continue
		}
		if between {
			words = append(words, "")
		}
		between = false
		words[len(words)-1] += escaped.ReplaceAllString(found[2], "$1") + found[3] + found[4] + found[5]
	}
	return words, nil
}
