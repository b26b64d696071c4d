package bootstrap

import (
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/homes"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

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
func leads(l *homes.Local, targets map[string]string) string {
	p := filepath.Join(l.Home, remotesh.LinkPath)
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

func TestRC(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, outer *homes.Local) {
		t.Parallel()
		a := homes.NewAgents(outer)
		a.Elsewhere = map[string]string{
			"own": a.Start(a.SshdName()), "ssh-agent": a.Start("agent.1"), "dead": a.Dir + "/" + a.SshdName(), "silent": a.Dir + "/" + a.SshdName(),
		}
		a.Start("other")
		theirs := homes.NewAgents(outer)
		a.Elsewhere["hers"] = theirs.Anothers("agent.1")
		silent, err := net.Listen("unix", a.Elsewhere["silent"])
		homes.Check(t, err)
		defer silent.Close()
		outer.Own(a.Elsewhere["silent"]) // as sshd's are
		elsewhere := homes.NewAgentsIn(outer, "run-")
		a.Elsewhere["keyring"] = elsewhere.Start("keyring")
		newer := filepath.Join(elsewhere.Dir, ".ssh/agent")
		homes.Check(t, outer.Command("mkdir", "-p", newer).Run())
		a.Elsewhere["newer"] = elsewhere.Start(".ssh/agent/s.x.sshd.y")
		pid := strings.TrimPrefix(a.SshdName(), "agent.")
		a.Elsewhere["newest"] = elsewhere.Start("s.x.sshd." + pid + ".y")
		a.Elsewhere["shared"] = elsewhere.Start("agent.sshd." + pid)
		a.Elsewhere["no sshd's"] = elsewhere.Start("s.x.sshd.1.y")
		for _, c := range rcCases {
			t.Run(c.name, func(t *testing.T) { testRC(t, outer.Another(t), a, c, "") })
		}
		t.Run("beside its owner's lines", func(t *testing.T) {
			testRC(t, outer.Another(t), a, rcCases[0], "echo mine >>ran; set -eu\n")
		})
		t.Run("above a recipe of its owner's", func(t *testing.T) {
			for _, agent := range []string{"link", "own", ""} {
				c := rcCase{agent: agent, tty: true, link: "own", want: "own"}
				testRC(t, outer.Another(t), a, c, "echo mine >>ran\n"+homes.RecipeRC)
			}
		})
		t.Run("while another login replaces the link", func(t *testing.T) { testRCBeside(t, outer.Another(t), a) })
	})
}

// testRC runs ~/.ssh/rc as sshd does. mine is what its owner has in it.
func testRC(t *testing.T, l *homes.Local, a homes.Agents, c rcCase, mine string) {
	rc := rcNewBlock
	if mine != "" {
		rc = rcBlock + mine + "read -r x && echo \"$x\" >>ran\n"
	}
	l.Lay(homes.File(".ssh/rc", rc))
	targets := map[string]string{
		"own, marked": homes.ByRepair(a.Elsewhere["own"]), "other": a.Dir + "/other",
		"link": filepath.Join(l.Home, remotesh.LinkPath), "itself": "ssh_auth_sock", "directory": a.Dir,
		"alias": filepath.Join(l.Home, "alias"), "relative": "own",
	}
	maps.Copy(targets, a.Elsewhere)
	l.Lay(homes.Symlink("alias", remotesh.LinkPath))
	switch c.link {
	case "":
	case "file":
		l.Lay(homes.File(remotesh.LinkPath, "mine"))
	default:
		l.Lay(homes.Symlink(remotesh.LinkPath, targets[c.link]))
	}
	before := l.Tree()

	sh := l.Command(append(l.Argv, ".ssh/rc")...)
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
	if got := leads(l, targets); got != c.want {
		t.Errorf("the link leads to %q, want %q", got, c.want)
	}
	if strings.HasPrefix(c.want, "own") && !a.Answers(targets["link"]) {
		t.Error("nobody answers behind the link")
	}
	if d := homes.Differences(before, l.Tree(), remotesh.LinkPath, "ran"); d != "" {
		t.Error(d)
	}
	if mine != "" {
		compare(t, "what the owner's lines did", "mine\nMIT-MAGIC-COOKIE-1 0123456789abcdef\n", l.Read("ran"))
	}
}

// testRCBeside: the link that rc has made may be gone the next moment, since a
// login at the same time removes a dead one that it has seen before.
func testRCBeside(t *testing.T, l *homes.Local, a homes.Agents) {
	const removes = "mv() { command mv \"$@\" && [ -f ran ] || { >ran && rm -f \"$HOME/.ssh/ssh_auth_sock\"; }; }\n"
	l.Lay(homes.File(".ssh/rc", removes+rcBlock), homes.Symlink(remotesh.LinkPath, a.Elsewhere["dead"]))
	sh := l.Command(append(l.Argv, ".ssh/rc")...)
	sh.Env = append(sh.Env, "SSH_AUTH_SOCK="+a.Elsewhere["own"])
	homes.Check(t, sh.Run())
	if got := leads(l, nil); got != "" {
		t.Errorf("after the other login has removed the link, it leads to %q", got)
	}
}
