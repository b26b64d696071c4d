package tty

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// TestAskpassRules is the table of ssh(1), SSH_ASKPASS_REQUIRE.
func TestAskpassRules(t *testing.T) {
	const program = "/bin/true"
	for _, test := range []struct {
		display, require string
		tty              bool
		want             string // tty, the program, or nobody
	}{
		{"", "", true, "tty"}, {"", "", false, "nobody"},
		{":0", "", true, "tty"}, {":0", "", false, program},
		{"", "prefer", true, "tty"}, {"", "prefer", false, "nobody"},
		{":0", "prefer", true, program}, {":0", "prefer", false, program},
		{"", "force", true, program}, {"", "force", false, program}, {"", "FORCE", true, program},
		{":0", "never", true, "tty"}, {":0", "never", false, "nobody"}, {"", "never", false, "nobody"},
		{":0", "rubbish", true, "tty"}, {":0", "rubbish", false, program},
	} {
		for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY"} {
			env := map[string]string{name: test.display, "SSH_ASKPASS_REQUIRE": test.require, "SSH_ASKPASS": program}
			got, use := askpass(func(name string) string { return env[name] }, func() error {
				if test.tty {
					return nil
				}
				return ErrNone
			})
			switch {
			case !use:
				got = "tty"
			case got == "":
				got = "nobody"
			}
			if got != test.want {
				t.Errorf("%+v: %s", test, got)
			}
		}
	}
}

func TestRunAskpass(t *testing.T) {
	for script, want := range map[string]string{
		"printf 'word\\nmore\\n'":   "word",
		"printf 'word\\r\\n'":       "word",
		"printf 'no newline'":       "no newline",
		"true":                      "",
		"printf '\\n'":              "",
		"yes x | head -c 3000":      "x",
		"head -c 3000 /dev/zero":    strings.Repeat("\x00", maxTyped),
		"echo word; exit 1":         "-",
		"echo \"$1\"":               "Question: ",
		"echo $SSH_ASKPASS_PROMPT.": ".",
		"kill -9 $$":                "-",
	} {
		got, err := runAskpass(t.Context(), fakeAskpass(t, script), Question{Text: "Question: "})
		if want == "-" && (err == nil || got != nil) || want != "-" && (err != nil || string(got) != want) {
			t.Errorf("%s: %q, %v; want %q", script, got, err, want)
		}
	}
	for script, want := range map[string]string{"true": "yes", "echo no": "no", "echo $SSH_ASKPASS_PROMPT": "confirm"} {
		got, err := runAskpass(t.Context(), fakeAskpass(t, script), Question{Text: "Question: ", Hint: "confirm"})
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v; want %q", script, got, err, want)
		}
	}
}

// fakeAskpass writes an askpass program.
func fakeAskpass(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "askpass")
	labtest.Program(t, path, "#!/bin/sh\n"+script+"\n")
	return path
}
