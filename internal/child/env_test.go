package child

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// write puts a program into a directory that says where it is.
func write(t *testing.T, path, says string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho "+says+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// TestEnvCommand: programs are looked for in the environment's PATH and run in
// its directory, and this process's own count for nothing.
func TestEnvCommand(t *testing.T) {
	there, here := t.TempDir(), t.TempDir()
	write(t, filepath.Join(there, "bin", "prog"), `there $TOKEN $UNSET "${PWD##*/}"`)
	write(t, filepath.Join(here, "prog"), "here")
	t.Setenv("PATH", here)
	t.Setenv("UNSET", "set")
	dir := filepath.Join(there, "dir")
	write(t, filepath.Join(dir, "way"), "way")
	env := Env{}.With([]string{"PATH=" + filepath.Join(there, "bin"), "TOKEN=one", "TOKEN=two", "=x", "NUL=\x00"}).In(dir)
	for _, c := range []struct {
		env  Env
		name string
		want string
		err  error
	}{
		{env, "prog", "there one dir", nil},
		{env, "./way", "way", nil},
		{env, filepath.Join(here, "prog"), "here", nil},
		{env, "no-such", "", exec.ErrNotFound},
		{env.With([]string{"PATH=:" + here}).In(dir), "way", "", exec.ErrDot},
		{env.In(dir + "/gone"), "prog", "there one", nil},
		{Env{}, "prog", "here", nil},
	} {
		out, err := c.env.Command(t.Context(), c.name).Output()
		said := strings.TrimSpace(string(out))
		if !errors.Is(err, c.err) || !strings.HasPrefix(said, c.want) || said != "" && c.want == "" {
			t.Errorf("%s: %q, %v; want %q, %v", c.name, said, err, c.want, c.err)
		}
	}
}

func TestEnv(t *testing.T) {
	t.Setenv("MOSHA_TEST", "process")
	if got := (Env{}).Get("MOSHA_TEST"); got != "process" {
		t.Errorf("this process's: %q", got)
	}
	env := Env{}.With([]string{"A=1", "B=", "none", "A=2", "C==\xff\n"}).In("/dir")
	if got, want := env.Environ(), []string{"A=1", "B=", "none=", "C==\xff\n"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if value, set := env.Lookup("B"); value != "" || !set {
		t.Errorf("an empty variable: %q, %v", value, set)
	}
	if _, set := env.Lookup("MOSHA_TEST"); set {
		t.Error("this process's variable is there")
	}
	for name, want := range map[string]string{"": "", "x": "/dir/x", "/x": "/x", "./x": "/dir/x"} {
		if got := env.Path(name); got != want {
			t.Errorf("%q is %q, want %q", name, got, want)
		}
	}
	if got := (Env{}).With(nil).Environ(); len(got) > 0 {
		t.Errorf("an empty one has %q", got)
	}
}
