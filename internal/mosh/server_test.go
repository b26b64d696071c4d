package mosh

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// prepare stands in for what lets the session find the agent.
const prepare = "SSH_AUTH_SOCK=$HOME/l\nexport SSH_AUTH_SOCK\n"

// person is somebody with a home, in which a server is or is not.
type person struct {
	t    *testing.T
	home string
}

func newPerson(t *testing.T) person {
	p := person{t, t.TempDir()}
	check(t, os.WriteFile(filepath.Join(p.home, "-"), nil, 0o644)) // for patterns that match it
	return p
}

// run lets a shell run a command and returns what came of it. With a blank in
// its name it is a program with an argument.
func (p person) run(shell, path, command string, env ...string) string {
	p.t.Helper()
	words := strings.Fields(shell)
	program, err := exec.LookPath(words[0])
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.Command(program, append(words[1:], "-c", command)...)
	cmd.Dir = p.home
	cmd.Env = append([]string{"HOME=" + p.home, "USER=me", "PATH=" + path}, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return err.Error() + ": " + string(out)
	}
	return string(out)
}

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

// TestServerCommand runs the commands that the wrapper makes of what a user
// says with --server.
func TestServerCommand(t *testing.T) {
	p := newPerson(t)
	bin := filepath.Join(p.home, "bin")
	install(t, bin)
	check(t, os.Rename(filepath.Join(bin, "mosh-server"), filepath.Join(bin, "other")))
	ask := `sh -c '[ -n "$SSH_CONNECTION" ] && printf "\nMOSH SSH_CONNECTION %s\n" "$SSH_CONNECTION"' ; `
	server := install(t, t.TempDir())
	path := filepath.Dir(server) + ":/usr/bin:/bin:" + bin
	link := ":" + p.home + "/l:"
	for _, tt := range []struct{ name, in, want string }{
		{"plain", `mosh-server 'new'`, server + link + "new|"},
		{"asked for its address", ask + `mosh-server 'new'`, "\nMOSH SSH_CONNECTION a b c d\n" + server + link + "new|"},
		{"quotes", `mosh-server 'new' '--' 'a'\''b;c' '$x'`, server + link + "new|--|a'b;c|$x|"},
		{"assignment", `A=1 mosh-server 'new'`, server + link + "new|"},
		{"home", `~/bin/other 'new'`, bin + "/other" + link + "new|"},
		{"another", `other 'new'`, bin + "/other" + link + "new|"},
		{"exec", `exec mosh-server 'new'`, server + link + "new|"},
		{"command", `command mosh-server 'new'`, server + link + "new|"},
		// Which is for the user's own shell.
		{"two commands", `cd / && mosh-server 'new'`, server + "::new|"},
		{"a list", `true; mosh-server 'new'`, server + "::new|"},
		{"a substitution", `$(command -v mosh-server) 'new'`, server + "::new|"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p.t = t
			if got := p.run("sh", path, ServerCommand(tt.in, prepare), "SSH_CONNECTION=a b c d"); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

// loginShells are what may be a person's login shell, those among them whose
// words are not sh's, and restricted ones.
var loginShells = []string{
	"sh", "bash", "dash", "zsh", "fish", "mksh", "tcsh", "csh", "busybox sh", "ksh93", "yash",
	"rc", "elvish", "xonsh", "rbash", "rksh93",
}

// TestServerCommandInShells runs the command in each of them. What a user's own
// command has in it are all characters that any of them knows a meaning of.
func TestServerCommandInShells(t *testing.T) {
	const arguments = ` 'new' '--' 'it'\''s  two' '$HOME \n \\ "q" ` + "`id`" + `' '~' '!x !' '*' '{a,b}' '%1' '@(1)' '#' '^' '' 'é
ü' `
	said := "new|--|it's  two|$HOME \\n \\\\ \"q\" `id`|~|!x !|*|{a,b}|%1|@(1)|#|^||é\nü|"
	long := "'" + strings.Repeat("long ", 800) + "'" // csh bounds a word
	for _, shell := range loginShells {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			p := newPerson(t)
			command := ServerCommand("mosh-server"+arguments, prepare)
			if got := p.run(shell, tools(t), strings.Replace(command, "s=mosh-server", "s=no-such-server", 1)); got != "MOSHA EXIT 127\n" {
				t.Errorf("without a server: %q", got)
			}
			at := install(t, filepath.Join(p.home, ".local", "bin"))
			if got, want := p.run(shell, tools(t), command), foundPrefix+at+"\n"+at+":"+p.home+"/l:"+said; got != want {
				t.Errorf("found:\n%q, want\n%q", got, want)
			}
			inPath := install(t, t.TempDir())
			path := tools(t) + ":" + filepath.Dir(inPath)
			if got, want := p.run(shell, path, command), inPath+":"+p.home+"/l:"+said; got != want {
				t.Errorf("in PATH:\n%q, want\n%q", got, want)
			}
			if got := p.run(shell, path, ServerCommand("mosh-server "+long, prepare)); !strings.HasSuffix(got, ":"+strings.Trim(long, "'")+"|") {
				t.Errorf("with a long argument: %q", got)
			}
		})
	}
}

// TestServerCommandForAnySh lets each shell that may be a remote's sh read it.
func TestServerCommandForAnySh(t *testing.T) {
	p := newPerson(t)
	server := install(t, t.TempDir())
	for _, sh := range []string{"dash", "bash", "mksh", "busybox", "zsh", "ksh93", "yash"} {
		path := tools(t)
		program, err := exec.LookPath(sh)
		check(t, err)
		check(t, os.Remove(filepath.Join(path, "sh")))
		check(t, os.Symlink(program, filepath.Join(path, "sh")))
		got := p.run("dash", path+":"+filepath.Dir(server), ServerCommand(`mosh-server 'a  b' '*' '$x'`, prepare))
		if want := server + ":" + p.home + "/l:a  b|*|$x|"; got != want {
			t.Errorf("%s: %q, want %q", sh, got, want)
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tools is a PATH with what the command needs, and without a server.
func tools(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"sh", "tr", "printf", "echo", "["} { // the last two for yash
		program, err := exec.LookPath(name)
		check(t, err)
		check(t, os.Symlink(program, filepath.Join(dir, name)))
	}
	return dir
}

// install puts a server into dir that prints its own path, what it has for the
// agent, and its arguments.
func install(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "mosh-server")
	script := "#!/bin/sh\nprintf '%s:%s:' \"$0\" \"$SSH_AUTH_SOCK\"; printf '%s|' \"$@\"\n"
	check(t, os.MkdirAll(dir, 0o755))
	labtest.Program(t, path, script)
	return path
}
