package remotesh

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/text"
)

// kindOf returns the kind of an *Error, "" for no error.
func kindOf(t *testing.T, err error) Kind {
	t.Helper()
	if err == nil {
		return ""
	}
	var failed *Error
	if !errors.As(err, &failed) {
		t.Fatalf("%v is not an Error", err)
	}
	if len(failed.Detail) > text.MaxASCII || strings.ContainsFunc(failed.Detail, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Fatalf("the detail is not fit to be shown: %q", failed.Detail)
	}
	return failed.Kind
}

func TestAwait(t *testing.T) {
	for _, c := range []struct {
		name, output string
		want         Kind
		rest         string
	}{
		{name: "at once", output: "m 1\nrest", rest: "rest"},
		{name: "after words", output: "Welcome\nm 1 \nxm 1\n\nm 1\nrest", rest: "rest"},
		{name: "after a long line", output: strings.Repeat("x", 3*maxLine) + "\nm 1\nrest", rest: "rest"},
		{name: "not within a long line", output: strings.Repeat("x", maxLine) + "m 1\nrest", want: NoShell},
		{name: "nothing", want: NoShell},
		{name: "no shell", output: "This account is currently not available.\n", want: NoShell},
		{name: "marker cut", output: "m 1", want: NoShell},
		{name: "noise", output: strings.Repeat("y\n", maxNoise), want: Noise},
		{name: "noise in one line", output: strings.Repeat("y", 2*maxNoise), want: Noise},
		{name: "most that is allowed", output: strings.Repeat("y\n", maxNoise/2) + "m 1\nrest", rest: "rest"},
	} {
		r := NewReader(strings.NewReader(c.output))
		if got := kindOf(t, r.Await("m 1")); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if rest, _ := io.ReadAll(r.out); c.want == "" && string(rest) != c.rest {
			t.Errorf("%s: left %q", c.name, rest)
		}
	}
}
