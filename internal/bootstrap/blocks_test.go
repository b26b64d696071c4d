package bootstrap

import (
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// agents are real ssh-agents of the shell's user, by name.
type agents struct {
	l         *local
	dir       string
	elsewhere map[string]string // sockets that are not in dir
}

func newAgents(l *local) agents {
	l.t.Helper()
	return newAgentsIn(l, "ssh-") // as sshd's
}

// newAgentsIn puts their sockets into a directory whose name begins so. It is
// not below t.TempDir, whose names are too long for a socket.
func newAgentsIn(l *local, prefix string) agents {
	l.t.Helper()
	dir, err := os.MkdirTemp("/tmp", prefix)
	check(l.t, err)
	l.t.Cleanup(func() { check(l.t, os.RemoveAll(dir)) })
	check(l.t, os.Chmod(dir, 0o755))
	l.own(dir)
	return agents{l: l, dir: dir}
}

var agentPid = regexp.MustCompile(`SSH_AGENT_PID=(\d+)`)

// start starts an agent and returns its socket. The agent ends with the test.
func (a agents) start(name string) string {
	t := a.l.t
	t.Helper()
	socket := a.dir + "/" + name
	out, err := a.l.command("ssh-agent", "-s", "-a", socket).Output()
	check(t, err)
	pid, err := strconv.Atoi(string(agentPid.FindSubmatch(out)[1]))
	check(t, err)
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGTERM) })
	return socket
}

// sshdName returns the name of a socket of an sshd up to 10.0: it has the pid
// of a process that is called so and lives as long as the test.
func (a agents) sshdName() string {
	t := a.l.t
	t.Helper()
	program := filepath.Join(t.TempDir(), "sshd")
	sleep, err := os.ReadFile("/bin/sleep")
	check(t, err)
	labtest.Program(t, program, string(sleep))
	check(t, os.Chmod(filepath.Dir(program), 0o755))
	sshd := exec.Command(program, "600")
	check(t, sshd.Start())
	t.Cleanup(func() {
		_ = sshd.Process.Kill()
		_ = sshd.Wait()
	})
	return "agent." + strconv.Itoa(sshd.Process.Pid)
}

// answers tells whether an agent answers at a socket.
func (a agents) answers(socket string) bool {
	c := a.l.command("ssh-add", "-l")
	c.Env = append(c.Env, "SSH_AUTH_SOCK="+socket)
	_ = c.Run()
	return c.ProcessState.ExitCode() == 1 // no identities; 2 is no agent
}

// rcCase is a session with ~/.ssh/rc.
type rcCase struct {
	name  string
	agent string // SSH_AUTH_SOCK: "" for unset, own, dead, link, alias (a link to the link), or other
	tty   bool
	link  string // what the link leads to before: "", own, other, dead, itself, directory, file, alias
	want  string // afterwards; a command marks it
}

var rcCases = []rcCase{
	{name: "first login", agent: "own", tty: true, want: "own"},
	{name: "first command", agent: "own", want: "own, marked"},
	{name: "login takes it from a live one", agent: "own", tty: true, link: "other", want: "own"},
	{name: "command does not", agent: "own", link: "other", want: "other"},
	{name: "command takes it from a dead one", agent: "own", link: "dead", want: "own, marked"},
	{name: "command takes it from another user's", agent: "own", link: "hers", want: "own, marked"},
	{name: "already there", agent: "own", tty: true, link: "own", want: "own"},
	{name: "no agent", tty: true, link: "other", want: "other"},
	{name: "no agent, no link", tty: true},
	{name: "dead agent", agent: "dead", tty: true, link: "other", want: "other"},
	{name: "the link itself", agent: "link", tty: true, link: "other", want: "other"},
	{name: "the link itself, dead", agent: "link", tty: true, link: "dead", want: "dead"},
	{name: "through the link", agent: "alias", tty: true, link: "other", want: "other"},
	{name: "link to itself", agent: "own", link: "itself", want: "own, marked"},
	{name: "link to a directory", agent: "own", link: "directory", want: "own, marked"},
	{name: "not a link", agent: "own", tty: true, link: "file", want: "file"},
	{name: "relative name", agent: "relative", tty: true, link: "other", want: "other"},
	{name: "a keyring of one's own", agent: "keyring", tty: true, link: "other", want: "other"},
	{name: "a keyring and a dead link", agent: "keyring", tty: true, link: "dead", want: "dead"},
	{name: "an ssh-agent of one's own", agent: "ssh-agent", tty: true, link: "other", want: "other"},
	{name: "an ssh-agent of one's own and a dead link", agent: "ssh-agent", link: "dead", want: "dead"},
	{name: "sshd from 10.1 on", agent: "newer", tty: true, link: "other", want: "newer"},
	{name: "sshd from 10.6 on", agent: "newest", tty: true, link: "dead", want: "newest"},
	{name: "sshd from 10.6 on, in a directory of its own", agent: "shared", tty: true, link: "other", want: "shared"},
	{name: "named by what is no sshd", agent: "no sshd's", tty: true, link: "other", want: "other"},
	{name: "an agent that never answers", agent: "silent", tty: true, link: "other", want: "silent"},
	{name: "a link to one that never answers", agent: "own", tty: true, link: "silent", want: "own"},
}

// leads returns what the link is after a case, in the words of rcCase.
func (l *local) leads(targets map[string]string) string {
	p := filepath.Join(l.home, remotesh.LinkPath)
	target, err := os.Readlink(p)
	if err != nil {
		if _, err := os.Lstat(p); err != nil {
			return ""
		}
		return "file"
	}
	for what, t := range targets {
		if t == target {
			return what
		}
	}
	return target
}

// recipeRC is what many have in ~/.ssh/rc without mosha: a link to the agent of
// the last login.
const recipeRC = "if [ -S \"$SSH_AUTH_SOCK\" ]; then\n  ln -sf \"$SSH_AUTH_SOCK\" ~/.ssh/ssh_auth_sock\nfi\n"

func TestRC(t *testing.T) {
	eachShell(t, func(t *testing.T, outer *local) {
		t.Parallel()
		a := newAgents(outer)
		a.elsewhere = map[string]string{
			"own": a.start(a.sshdName()), "ssh-agent": a.start("agent.1"), "dead": a.dir + "/" + a.sshdName(), "silent": a.dir + "/" + a.sshdName(),
		}
		a.start("other")
		theirs := newAgents(outer)
		a.elsewhere["hers"] = theirs.anothers("agent.1")
		silent, err := net.Listen("unix", a.elsewhere["silent"])
		check(t, err)
		defer silent.Close()
		outer.own(a.elsewhere["silent"]) // as sshd's are
		elsewhere := newAgentsIn(outer, "run-")
		a.elsewhere["keyring"] = elsewhere.start("keyring")
		newer := filepath.Join(elsewhere.dir, ".ssh/agent")
		check(t, outer.command("mkdir", "-p", newer).Run())
		a.elsewhere["newer"] = elsewhere.start(".ssh/agent/s.x.sshd.y")
		pid := strings.TrimPrefix(a.sshdName(), "agent.")
		a.elsewhere["newest"] = elsewhere.start("s.x.sshd." + pid + ".y")
		a.elsewhere["shared"] = elsewhere.start("agent.sshd." + pid)
		a.elsewhere["no sshd's"] = elsewhere.start("s.x.sshd.1.y")
		for _, c := range rcCases {
			t.Run(c.name, func(t *testing.T) { testRC(t, outer.another(t), a, c, "") })
		}
		t.Run("beside its owner's lines", func(t *testing.T) {
			testRC(t, outer.another(t), a, rcCases[0], "echo mine >>ran; set -eu\n")
		})
		t.Run("above a recipe of its owner's", func(t *testing.T) {
			for _, agent := range []string{"link", "own", ""} {
				c := rcCase{agent: agent, tty: true, link: "own", want: "own"}
				testRC(t, outer.another(t), a, c, "echo mine >>ran\n"+recipeRC)
			}
		})
		t.Run("while another login replaces the link", func(t *testing.T) { testRCBeside(t, outer.another(t), a) })
	})
}

// testRC runs ~/.ssh/rc as sshd does. mine is what its owner has in it.
func testRC(t *testing.T, l *local, a agents, c rcCase, mine string) {
	rc := rcNewBlock
	if mine != "" {
		rc = rcBlock + mine + "read -r x && echo \"$x\" >>ran\n"
	}
	l.lay(file(".ssh/rc", rc))
	targets := map[string]string{
		"own, marked": byRepair(a.elsewhere["own"]), "other": a.dir + "/other",
		"link": filepath.Join(l.home, remotesh.LinkPath), "itself": "ssh_auth_sock", "directory": a.dir,
		"alias": filepath.Join(l.home, "alias"), "relative": "own",
	}
	maps.Copy(targets, a.elsewhere)
	l.lay(symlink("alias", remotesh.LinkPath))
	switch c.link {
	case "":
	case "file":
		l.lay(file(remotesh.LinkPath, "mine"))
	default:
		l.lay(symlink(remotesh.LinkPath, targets[c.link]))
	}
	before := l.tree()

	sh := l.command(append(l.argv, ".ssh/rc")...)
	sh.Stdin = strings.NewReader("MIT-MAGIC-COOKIE-1 0123456789abcdef\n")
	if c.agent != "" {
		sh.Env = append(sh.Env, "SSH_AUTH_SOCK="+targets[c.agent])
	}
	if c.tty {
		sh.Env = append(sh.Env, "SSH_TTY=/dev/pts/99")
	}
	out, err := sh.CombinedOutput()
	if len(out) > 0 || (err != nil && mine != "") {
		t.Errorf("rc printed %q, %v", out, err)
	}
	if got := l.leads(targets); got != c.want {
		t.Errorf("the link leads to %q, want %q", got, c.want)
	}
	if strings.HasPrefix(c.want, "own") && !a.answers(targets["link"]) {
		t.Error("nobody answers behind the link")
	}
	if d := differences(before, l.tree(), remotesh.LinkPath, "ran"); d != "" {
		t.Error(d)
	}
	if mine != "" {
		compare(t, "what the owner's lines did", "mine\nMIT-MAGIC-COOKIE-1 0123456789abcdef\n", l.read("ran"))
	}
}

// testRCBeside: the link that rc has made may be gone the next moment, since a
// login at the same time removes a dead one that it has seen before.
func testRCBeside(t *testing.T, l *local, a agents) {
	const removes = "mv() { command mv \"$@\" && [ -f ran ] || { >ran && rm -f \"$HOME/.ssh/ssh_auth_sock\"; }; }\n"
	l.lay(file(".ssh/rc", removes+rcBlock), symlink(remotesh.LinkPath, a.elsewhere["dead"]))
	sh := l.command(append(l.argv, ".ssh/rc")...)
	sh.Env = append(sh.Env, "SSH_AUTH_SOCK="+a.elsewhere["own"])
	check(t, sh.Run())
	if got := l.leads(nil); got != "" {
		t.Errorf("after the other login has removed the link, it leads to %q", got)
	}
}
