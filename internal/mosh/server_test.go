package mosh

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"al.essio.dev/pkg/shellescape"
)

func TestNamedServer(t *testing.T) {
	const ask = `sh -c '[ -n "$SSH_CONNECTION" ] && printf "\nMOSH SSH_CONNECTION %s\n" "$SSH_CONNECTION"' ; `
	for command, want := range map[string]string{
		`mosh-server 'new' '-c' '256'`: "", ask + `mosh-server 'new'`: "", `/nope 'new' '-c'`: "/nope", ask + `/nope 'new'`: "/nope",
		`env A=b mosh-server 'new'`: "env A=b mosh-server", `mosh-server`: "",
	} {
		if got := NamedServer(command); got != want {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}
}

func TestServerCommand(t *testing.T) {
	ask := `sh -c '[ -n "$SSH_CONNECTION" ] && printf "\nMOSH SSH_CONNECTION %s\n" "$SSH_CONNECTION"' ; `
	env := `env SSH_AUTH_SOCK="$HOME/l" `
	found := env + "sh -c " + shellescape.Quote(findServer()) + " mosh-server "
	for _, tt := range []struct{ name, in, want string }{
		{"plain", `mosh-server 'new'`, found + `'new'`},
		{"asked for its address", ask + `mosh-server 'new'`, ask + found + `'new'`},
		{"quotes", `mosh-server 'new' '--' 'a'\''b;c' '$x'`, found + `'new' '--' 'a'\''b;c' '$x'`},
		{"assignment", `LANG=C mosh-server 'new'`, env + `LANG=C mosh-server 'new'`},
		{"home", `~/bin/mosh-server 'new'`, env + `~/bin/mosh-server 'new'`},
		{"another", `mosh-server-2 'new'`, env + `mosh-server-2 'new'`},
		{"exec", `exec mosh-server 'new'`, found + `'new'`},
		{"command", `command mosh-server 'new'`, found + `'new'`},
		{"two commands", `cd /x && mosh-server 'new'`, `cd /x && mosh-server 'new'`},
		{"a list", `true; mosh-server 'new'`, `true; mosh-server 'new'`},
		{"a substitution", `$(which mosh-server) 'new'`, `$(which mosh-server) 'new'`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := ServerCommand(tt.in, "l"); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestServerCommandInShells runs the command in every shell that may be a
// person's login shell.
func TestServerCommandInShells(t *testing.T) {
	const arguments = ` 'new' 'it'\''s' '$x \z "q"'`
	said := "new|it's|$x \\z \"q\"|"
	for _, shell := range []string{"sh", "bash", "dash", "zsh", "fish", "mksh", "tcsh", "busybox"} {
		t.Run(shell, func(t *testing.T) {
			home := t.TempDir()
			command := ServerCommand("mosh-server"+arguments, "l")
			run := func(path, command string) string {
				t.Helper()
				args := []string{"-c", command}
				if shell == "busybox" {
					args = append([]string{"sh"}, args...)
				}
				program, err := exec.LookPath(shell)
				if err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command(program, args...)
				cmd.Env = []string{"HOME=" + home, "USER=me", "PATH=" + path}
				out, err := cmd.CombinedOutput()
				if err != nil {
					return err.Error() + ": " + string(out)
				}
				return string(out)
			}
			other := strings.Replace(command, "' mosh-server ", "' no-such-server ", 1)
			if got := run(tools(t), other); got != "exit status 127: " {
				t.Errorf("without a server: %q", got)
			}
			at := install(t, filepath.Join(home, ".local", "bin"))
			if got, want := run(tools(t), command), foundPrefix+at+"\n"+at+":"+home+"/l:"+said; got != want {
				t.Errorf("found:\n%q, want\n%q", got, want)
			}
			inPath := install(t, t.TempDir())
			if got, want := run(tools(t)+":"+filepath.Dir(inPath), command), inPath+":"+home+"/l:"+said; got != want {
				t.Errorf("in PATH:\n%q, want\n%q", got, want)
			}
		})
	}
}

// tools is a PATH with what the command needs, and without a server.
func tools(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"sh", "env"} {
		program, err := exec.LookPath(name)
		if err == nil {
			err = os.Symlink(program, filepath.Join(dir, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// install puts a server into dir that prints its own path, what it has for the
// agent, and its arguments.
func install(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "mosh-server")
	script := "#!/bin/sh\nprintf '%s:%s:' \"$0\" \"$SSH_AUTH_SOCK\"; printf '%s|' \"$@\"\n"
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
