package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

// logUnderTest is a log that is written as a keeper does it.
type logUnderTest struct {
	t      *testing.T
	path   string
	reader *logReader
	shown  []string
}

func newLogUnderTest(t *testing.T) *logUnderTest {
	path := filepath.Join(t.TempDir(), "id.log")
	return &logUnderTest{t: t, path: path, reader: &logReader{path: path}}
}

func (l *logUnderTest) write(text string) {
	l.t.Helper()
	file, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = file.WriteString(text)
	}
	if err := errors.Join(err, file.Close()); err != nil {
		l.t.Fatal(err)
	}
}

func (l *logUnderTest) rotate() {
	l.t.Helper()
	if err := os.Rename(l.path, l.path+".old"); err != nil {
		l.t.Fatal(err)
	}
}

// expect reads on and wants to be shown these lines.
func (l *logUnderTest) expect(all bool, want ...string) {
	l.t.Helper()
	l.shown = nil
	err := l.reader.read(func(line []byte) error {
		l.shown = append(l.shown, string(line))
		return nil
	}, all)
	if err != nil {
		l.t.Fatal(err)
	}
	if diff := cmp.Diff(want, l.shown); diff != "" {
		l.t.Errorf("was shown (-want +got):\n%s", diff)
	}
}

func TestLogReader(t *testing.T) {
	l := newLogUnderTest(t)
	l.expect(false) // nothing there yet
	l.write("1\n2\nhal")
	l.expect(false, "1", "2")
	l.write("f\n")
	l.expect(false, "half")
	l.expect(false)

	l.write("last of it\n") // and it is renamed before anybody looks
	l.rotate()
	l.write("3\n")
	l.expect(false, "last of it", "3")

	l.rotate() // renamed, and a new one not yet there
	l.expect(false)
	l.write("4\nunfinished")
	l.expect(false, "4")
	l.rotate()
	l.write("5\n")
	l.rotate()
	l.write("6\n") // two in between
	l.expect(false, "unfinished", "5", "6")
}

func TestLogReaderFromTheBeginning(t *testing.T) {
	l := newLogUnderTest(t)
	l.write("old\n")
	l.rotate()
	l.expect(true, "old") // only that is there
	l.write("new\nno end")
	l.reader = &logReader{path: l.path}
	l.expect(true, "old", "new", "no end")
}

func TestWriteReadable(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{`{"level":"info","destination":"devbox","state":"up","time":"2026-01-02T03:04:05.678Z","message":"state"}`, ` INF state state=up`},
		{`{"level":"warn","error":"dial tcp: \u001b[31mrefused\n","message":"attempt \u001b]0;x\u0007failed"}`,
			`WRN attempt \x1b]0;x\afailed error="dial tcp: \\x1b[31mrefused\\n"`},
		{`{"level":"debug","message":"m","a\u001b":{"b\u009b":["\u009b1m"]}}`, `DBG m a\x1b={"b\\u009b":["\\u009b1m"]}`},
		{"panic: \x1b[2Jgone", `panic: \x1b[2Jgone`},
		{"\tmain.go:12", `\tmain.go:12`},
	} {
		var b bytes.Buffer
		if err := writeReadable(&b, false)([]byte(c.line)); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); !strings.HasSuffix(got, c.want+"\n") {
			t.Errorf("%s\nis shown as\n%swant at its end\n%s", c.line, got, c.want)
		}
	}
}

func TestWriteReadableInColour(t *testing.T) {
	var b bytes.Buffer
	if err := writeReadable(&b, true)([]byte(`{"level":"info","message":"m\u001b[5m"}`)); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.Contains(got, "\x1b[") || strings.Contains(got, "\x1b[5m") {
		t.Errorf("is shown as %q", got)
	}
}

// FuzzWriteReadable: no control character of a line reaches the terminal.
func FuzzWriteReadable(f *testing.F) {
	for _, seed := range []string{
		`{"level":"info","message":"state"}`, `{"level":"\u001b[1m","time":"\u0007","caller":"\u009b"}`, `{"\u001b":{"\u001b":["\u001b",{"\u202e":1e999}]}}`,
		"{", "null", "[]", "\x1b[2J", `{"time":1e9,"level":3,"message":{"\u001b":1}}`, `{"error":["\u001b"]}`, `{"message":["\u007f\u0085"]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var b bytes.Buffer
		if err := writeReadable(&b, false)(line); err != nil {
			t.Fatal(err)
		}
		text, ended := strings.CutSuffix(b.String(), "\n")
		if !ended {
			t.Fatalf("%q is shown as %q, without an end", line, b.String())
		}
		for _, r := range text {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
				t.Fatalf("%q is shown as %q", line, text)
			}
		}
	})
}
