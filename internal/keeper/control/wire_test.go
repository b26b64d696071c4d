package control

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestReadLine(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []string
		err  error // after those
	}{
		"empty":          {"", nil, io.EOF},
		"lines":          {"a\n\nb\n", []string{"a", "", "b"}, io.EOF},
		"no last end":    {"a\nb", []string{"a", "b"}, io.EOF},
		"just fits":      {strings.Repeat("x", 99) + "\n", []string{strings.Repeat("x", 99)}, io.EOF},
		"does not fit":   {strings.Repeat("x", 100) + "\n", nil, errLineTooLong},
		"never ends":     {strings.Repeat("x", 1<<20), nil, errLineTooLong},
		"second is long": {"a\n" + strings.Repeat("x", 200), []string{"a"}, errLineTooLong},
	} {
		t.Run(name, func(t *testing.T) {
			in := bufio.NewReaderSize(strings.NewReader(c.in), 16)
			for _, want := range c.want {
				if got, err := readLine(in, 100); err != nil || string(got) != want {
					t.Fatalf("%q, %v; want %q", got, err, want)
				}
			}
			if got, err := readLine(in, 100); !errors.Is(err, c.err) {
				t.Errorf("%q, %v; want %v", got, err, c.err)
			}
		})
	}
}

// endless delivers bytes without a newline for ever and counts them.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return copy(p, bytes.Repeat([]byte("x"), len(p))), nil
}

// TestReadLineStops: of a line that is too long no more is read than it takes
// to see that.
func TestReadLineStops(t *testing.T) {
	var from endless
	if _, err := readLine(bufio.NewReaderSize(&from, 4<<10), maxLine); !errors.Is(err, errLineTooLong) {
		t.Fatal(err)
	}
	if limit := maxLine + 4<<10; from.read > limit {
		t.Errorf("%d bytes were read, want at most %d", from.read, limit)
	}
}

func FuzzReadLine(f *testing.F) {
	for _, seed := range []string{"", "\n", "a\nb", "a\r\n\x00\n", strings.Repeat("x", 70) + "\n", strings.Repeat("y\n", 40)} {
		f.Add([]byte(seed))
	}
	const limit = 64
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bufio.NewReaderSize(bytes.NewReader(data), 16)
		var lines [][]byte
		for {
			line, err := readLine(in, limit)
			if err != nil {
				if !errors.Is(err, io.EOF) && !errors.Is(err, errLineTooLong) {
					t.Fatal(err)
				}
				break
			}
			if len(line) > limit || bytes.IndexByte(line, '\n') >= 0 {
				t.Fatalf("a line of %d bytes: %q", len(line), line)
			}
			lines = append(lines, line)
		}
		if !bytes.HasPrefix(data, bytes.Join(lines, []byte("\n"))) {
			t.Fatalf("%q was read as %q", data, lines)
		}
	})
}
