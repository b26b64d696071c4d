package sshconfig

import "strings"

// Words splits the value of --ssh into words as mosh does, which uses Perl's
// Text::ParseWords: words are parted by white space, '...' is literal, and a
// backslash makes the next character literal outside quotes and in "...".
// Nothing is expanded and no character is an operator, since no shell runs.
// It fails with *QuoteError on an unfinished quote or a trailing backslash.
func Words(s string) ([]string, error) {
	p := wordParser{rest: s}
	for p.rest != "" {
		if err := p.step(s); err != nil {
			return nil, err
		}
	}
	p.flush()
	return p.words, nil
}

// wordParser holds the words so far and the one being read. open tells an
// empty word ("") from no word.
type wordParser struct {
	rest  string
	words []string
	word  strings.Builder
	open  bool
}

func (p *wordParser) step(whole string) error {
	c := p.rest[0]
	switch c {
	case ' ', '\t', '\n', '\r', '\f', '\v':
		p.flush()
		p.rest = p.rest[1:]
		return nil
	case '\\':
		if len(p.rest) < 2 {
			return &QuoteError{Text: whole, Quote: `\`}
		}
		p.take(p.rest[1:2], 2)
		return nil
	case '\'', '"':
		text, n, ok := quoted(p.rest)
		if !ok {
			return &QuoteError{Text: whole, Quote: string(c)}
		}
		p.take(text, n)
		return nil
	}
	p.take(p.rest[:1], 1)
	return nil
}

// take adds text to the word and steps n bytes on.
func (p *wordParser) take(text string, n int) {
	p.word.WriteString(text)
	p.open = true
	p.rest = p.rest[n:]
}

func (p *wordParser) flush() {
	if p.open {
		p.words = append(p.words, p.word.String())
	}
	p.word.Reset()
	p.open = false
}

// quoted reads the quoted text that s begins with. It returns the text and
// the bytes it took up, quotes included.
func quoted(s string) (text string, n int, ok bool) {
	quote := s[0]
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == quote:
			return b.String(), i + 1, true
		case s[i] == '\\' && quote == '"' && i+1 < len(s):
			i++
		case s[i] == '\\' && quote == '\'' && i+1 < len(s):
			// Perl keeps the backslash, and a backslash before
			// the closing quote does not close it there either.
			b.WriteByte('\\')
			i++
		}
		b.WriteByte(s[i])
	}
	return "", 0, false
}
