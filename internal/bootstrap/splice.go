package bootstrap

import (
	"bytes"
	"slices"
	"strings"
)

// An edit replaces the bytes of a file from start up to before end by block.
type edit struct {
	start, end int
	block      []byte
}

// apply returns the file's new content.
func (e edit) apply(old []byte) []byte {
	return slices.Concat(old[:e.start], e.block, old[e.end:])
}

// found is a block in a file, or what is left of one.
type found struct {
	header
	start, end int // of the whole block, its markers included
	fault      Reason
}

// findBlock looks for our block. ok is false where there is no trace of one.
// fault is Edited, Unfinished or Several where mosha had better leave the file
// alone.
func findBlock(content []byte) (f found, ok bool) {
	var begins, ends []span
	var line span
	for whole := range bytes.Lines(content) {
		line = span{line.end, line.end + len(whole)}
		text := strings.TrimSpace(string(whole))
		switch {
		case strings.HasPrefix(text, beginPrefix):
			begins = append(begins, line)
		case strings.HasPrefix(text, endLine):
			ends = append(ends, line)
		}
	}
	switch {
	case len(begins) == 0 && len(ends) == 0:
		return found{}, false
	case len(begins) > 1 || len(ends) > 1:
		return found{fault: Several}, true
	case len(begins) == 0 || len(ends) == 0 || ends[0].start < begins[0].end:
		return found{fault: Unfinished}, true
	}
	return readBlock(content, begins[0], ends[0]), true
}

// readBlock reads the block between its two marker lines.
func readBlock(content []byte, begin, end span) found {
	h, ok := parseHeader(strings.TrimSuffix(string(content[begin.start:begin.end]), "\n"))
	last := bytes.TrimSuffix(content[end.start:end.end], []byte("\n"))
	if !ok || string(last) != endLine || cksum(content[begin.end:end.start]) != h.checksum {
		return found{fault: Edited}
	}
	return found{header: h, start: begin.start, end: end.end}
}

// span is a line with its end, if it has one.
type span struct{ start, end int }

// insertAt returns where a new block goes: to the top, since the lines of the
// file may return early, but after a line that names the file's interpreter.
func insertAt(content []byte) int {
	if !bytes.HasPrefix(content, []byte("#!")) {
		return 0
	}
	return bytes.IndexByte(content, '\n') + 1
}
