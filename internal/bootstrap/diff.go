package bootstrap

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/mosha-ssh/mosha/internal/remotesh"
)

const (
	diffContext = 3       // lines around a change
	diffLine    = 200     // how many bytes of such a line to show: a file may be anything
	diffBlock   = 200     // lines of a block; ours has fewer
	diffGone    = 8 << 10 // bytes of what goes; our block has fewer, a remote's may have any number
)

// diff returns what a step changes, in diff's unified format. A step is one
// change, and its block is short.
func (s step) diff() []byte {
	if s.name == remotesh.LinkPath {
		return nil
	}
	from, to := s.name, s.name
	switch s.action {
	case Created:
		from = "/dev/null"
	case Removed:
		to = "/dev/null"
	}
	start, end := s.edit.start, s.edit.end
	before := tailLines(s.old[:start], diffContext)
	after := headLines(s.old[end:], diffContext)
	gone := within(headLines(s.old[start:end], diffBlock), diffGone)
	come := headLines(s.edit.block, diffBlock)
	first := bytes.Count(s.old[:start], []byte("\n")) - len(before) + 1
	around := len(before) + len(after)

	var b bytes.Buffer
	fmt.Fprintf(&b, "--- %s\n+++ %s\n@@ -%s +%s @@\n", from, to, lineRange(first, around+len(gone)), lineRange(first, around+len(come)))
	for _, part := range []struct {
		sign  byte
		lines [][]byte
	}{{' ', before}, {'-', gone}, {'+', come}, {' ', after}} {
		for _, line := range part.lines {
			writeLine(&b, part.sign, line)
		}
	}
	return b.Bytes()
}

// lineRange is a range of lines as diff writes it: of none, the line before it.
func lineRange(first, count int) string {
	if count == 0 {
		first--
	}
	return fmt.Sprintf("%d,%d", first, count)
}

// writeLine writes a line with its sign, and diff's remark if it has no end.
func writeLine(b *bytes.Buffer, sign byte, line []byte) {
	b.WriteByte(sign)
	text, ended := bytes.CutSuffix(line, []byte("\n"))
	if len(text) > diffLine {
		text = append(text[:diffLine:diffLine], " ..."...)
	}
	b.Write(text)
	b.WriteByte('\n')
	if !ended {
		b.WriteString("\\ No newline at end of file\n")
	}
}

// headLines returns the first n lines.
func headLines(content []byte, n int) [][]byte {
	all := slices.Collect(bytes.Lines(content))
	return all[:min(n, len(all))]
}

// within returns the first lines that can be shown in that many bytes.
func within(lines [][]byte, room int) [][]byte {
	for i, line := range lines {
		if room -= min(len(line), diffLine); room < 0 {
			return lines[:i]
		}
	}
	return lines
}

// tailLines returns the last n lines.
func tailLines(content []byte, n int) [][]byte {
	all := slices.Collect(bytes.Lines(content))
	return all[max(0, len(all)-n):]
}
