package bootstrap

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// site is a laptop with an agent and a key in it, and a devbox with an sshd.
type site struct {
	t       *testing.T
	lab     *lab.Lab
	sshd    *lab.Sshd
	person  *lab.User
	key     lab.Key
	account *lab.User // the login in use on the devbox
	host    string
}

func newSite(t *testing.T, extra ...string) *site {
	t.Helper()
	s := &site{t: t, lab: labtest.New(t), host: "devbox"}
	var err error
	s.sshd, err = s.lab.Devbox.Sshd(lab.SshdConfig{Extra: extra})
	check(t, err)
	s.person, err = s.lab.Laptop.AddUser("bash")
	check(t, err)
	s.key, err = s.person.NewKey("id_ed25519", "ed25519")
	check(t, err)
	lines, err := s.sshd.HostKeyLines("devbox")
	check(t, err)
	check(t, s.person.KnowHost(lines...))
	agent, err := s.person.Agent()
	check(t, err)
	check(t, agent.Add(s.key))
	s.person.Setenv("SSH_AUTH_SOCK", agent.Sock)
	return s
}

// login returns the site with a fresh account that has this login shell.
func (s *site) login(t *testing.T, shell string) *site {
	t.Helper()
	account, err := s.lab.Devbox.AddUser(shell)
	check(t, err)
	check(t, account.Authorize(s.key.Pub))
	login := *s
	login.t, login.account = t, account
	return &login
}

// ssh returns an ssh to the account.
func (s *site) ssh(args ...string) *lab.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	s.t.Cleanup(cancel)
	return s.person.Command(ctx, "ssh", append([]string{"-l", s.account.Name, s.host}, args...)...)
}

// run runs a command on the devbox and returns what it printed.
func (s *site) run(args ...string) string {
	s.t.Helper()
	out, err := s.ssh(args...).Output()
	if err != nil {
		s.t.Errorf("%q: %v, %s", args, err, out)
	}
	return strings.ReplaceAll(strings.TrimSpace(string(out)), "\r", "")
}

// Shell is Setup's.
func (s *site) Shell(context.Context) (remotesh.Shell, error) { return s.shell(), nil }

func (s *site) shell(options ...string) *process {
	s.t.Helper()
	p, err := startShell(s.t, s.ssh(append(options, "exec /bin/sh")...), nil)
	check(s.t, err)
	return p
}

// hold starts a holder in a session with the agent forwarded and returns it and
// the socket that it found.
func (s *site) hold(first link.Order) (*held, string) {
	s.t.Helper()
	return s.holdEvery(first, 5*time.Second)
}

// holdEvery starts one that expects pings this often.
func (s *site) holdEvery(first link.Order, every time.Duration) (*held, string) {
	s.t.Helper()
	h := newHeldEvery(s.t, s.shell("-A"), first, every, remotesh.Forwarding{OpenSSH: true})
	event, err := h.reader.Next()
	check(s.t, err)
	if conn := event.(link.Ends); conn.Client.Addr() != s.lab.Laptop.Addr() && conn.Client.Addr() != s.lab.Laptop.Addr6() {
		s.t.Errorf("the connection is %v", conn)
	}
	event, err = h.reader.Next()
	check(s.t, err)
	h.sshd = event.(link.Sshd)
	event, err = h.reader.Next()
	check(s.t, err)
	h.expect(remotesh.PlaceHome)
	return h, event.(link.Agent).Path
}

func (s *site) link() string { return filepath.Join(s.account.Home, remotesh.LinkPath) }

// target returns what the link leads to, "" for none.
func (s *site) target() string {
	target, _ := os.Readlink(s.link())
	return target
}

// isForwarded reports whether a socket has a name that the sshd gives to those
// of forwarded agents.
func (s *site) isForwarded(socket string) bool {
	if s.sshd.Version().AtLeast(10, 1) {
		return strings.HasPrefix(socket, filepath.Join(s.account.Home, ".ssh/agent/s.")) && strings.Contains(socket, ".sshd.")
	}
	return strings.HasPrefix(socket, "/tmp/ssh-")
}

// keys returns the keys of the agent behind the link.
func (s *site) keys() string {
	s.t.Helper()
	add := s.account.Command(within(s.t), "ssh-add", "-L")
	add.Env = append(add.Env, "SSH_AUTH_SOCK="+s.link())
	out, err := add.CombinedOutput()
	check(s.t, err)
	return strings.TrimSpace(string(out))
}

// loginShells are what people log in with, and what set-up writes for them.
var loginShells = map[string][]row{
	"bash": rows(rcNew, bashrcNew, profileNew),
	"zsh":  rows(rcNew, zshenvNew),
	"fish": rows(rcNew, fishNew),
	"tcsh": rows(rcNew, cshrcNew),
	"csh":  rows(rcNew, cshrcNew),
	"mksh": rows(rcNew, profileAlone),
	"dash": rows(rcNew, profileAlone),
}

// eachLoginShell calls test with the shells that stand for the others, or with
// all.
func eachLoginShell(test func(shell string)) {
	for shell := range loginShells {
		if slices.Contains([]string{"bash", "zsh", "fish"}, shell) || labtest.Whole {
			test(shell)
		}
	}
}

// readsAlways are those that read a file also for ssh host command.
var readsAlways = []string{"bash", "zsh", "fish", "tcsh", "csh"}

func TestOverSSH(t *testing.T) {
	t.Parallel()
	outer := newSite(t)
	eachLoginShell(func(shell string) {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			s := outer.login(t, shell)
			if shell == "zsh" { // which asks new users questions
				check(t, s.account.WriteFile(".zshrc", "", 0o644))
			}
			always := slices.Contains(readsAlways, shell)
			s.openTmux()
			if always {
				s.openScreen()
			}
			before := s.home() // after a login: fish makes directories
			compare(t, "report", loginShells[shell], reported(t, setUp(t, s)))
			testLink(t, s)
			testHolderOverSSH(t, s)
			testFinding(t, s, always)
			if !always {
				s.openScreen() // its windows are not login shells: such a shell reads no file in them
			}
			testPanes(t, s)
			_, err := Undo(t.Context(), s)
			check(t, err)
			compare(t, "home after undo", before, s.home())
		})
	})
}

// sayAgent is typed at a prompt, of whichever shell.
const sayAgent = "sh -c '(echo $SSH_AUTH_SOCK; ssh-add -L) >said 2>&1; mv said said.all'"

// answer waits for what sayAgent found.
func (s *site) answer() string {
	s.t.Helper()
	name := s.account.Path("said.all")
	check(s.t, lab.Eventually(s.t.Context(), "an answer from the shell", func() (bool, error) {
		_, err := os.Stat(name)
		return err == nil, nil
	}))
	out, err := os.ReadFile(name)
	check(s.t, err)
	check(s.t, os.Remove(name))
	return string(out)
}

// open logs in at a terminal.
func (s *site) open(option string) *window {
	s.t.Helper()
	c := s.ssh(option, "-tt")
	c.Env = append(c.Env, "TERM=vt100")
	terminal, err := s.person.Terminal(100, 30, c)
	check(s.t, err)
	return &window{Terminal: terminal, site: s}
}

type window struct {
	*lab.Terminal
	*site
}

// tell types a command that writes an answer, logs out and returns it.
func (w *window) tell(command string) string {
	w.t.Helper()
	check(w.t, w.Send(command+"\r"))
	answer := w.answer()
	w.leave()
	return answer
}

func (w *window) leave() {
	w.t.Helper()
	check(w.t, w.Send("exit\r"))
	_, err := w.Wait(w.t.Context())
	check(w.t, err)
}

// openTmux lets a login with an agent leave a tmux behind.
func (s *site) openTmux() {
	s.t.Helper()
	s.open("-A").tell("tmux new-session -d -s m; echo ok >said.all")
	s.t.Cleanup(func() { _ = s.account.Command(context.Background(), "tmux", "kill-server").Run() })
}

// openScreen lets one leave a screen behind.
func (s *site) openScreen() {
	s.t.Helper()
	s.open("-A").tell("screen -dmS m; echo ok >said.all")
	s.t.Cleanup(func() { _ = s.account.Command(context.Background(), "screen", "-S", "m", "-X", "quit").Run() })
}

// testPanes opens windows in the tmux and the screen of a login that is gone,
// and lets them use the agents of one login after the other.
func testPanes(t *testing.T, s *site) {
	do := func(argv ...string) {
		t.Helper()
		if out, err := s.account.Command(t.Context(), argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%q: %v, %s", argv, err, out)
		}
	}
	want := s.link() + "\n" + s.key.Pub + "\n"
	first := s.open("-A")
	compare(t, "login", want, first.told())
	do("tmux", "new-window", "-t", "m:5")
	do("screen", "-S", "m", "-X", "screen", "5")
	for _, when := range []string{"", ", after another login"} {
		do("tmux", "send-keys", "-t", "m:5", sayAgent, "Enter")
		compare(t, "tmux"+when, want, s.answer())
		do("screen", "-S", "m", "-p", "5", "-X", "stuff", strings.ReplaceAll(sayAgent, "$", `\$`)+"\r")
		compare(t, "screen"+when, want, s.answer())
		if when == "" {
			first.leave()
			second := s.open("-A")
			compare(t, "another login", want, second.told())
			defer second.leave()
		}
	}
}

// told is tell without logging out.
func (w *window) told() string {
	w.t.Helper()
	check(w.t, w.Send(sayAgent+"\r"))
	return w.answer()
}

// home lists the account's files, but for what the shells, sshd and tests keep
// there.
func (s *site) home() string {
	s.t.Helper()
	out, err := s.account.Command(s.t.Context(), "sh", "-c",
		`find . -path ./.local -prune -o -path ./.cache -prune -o -path './.ssh/agent/*' -prune -o -name '.*history' -o -printf '%p %M %l\n' | sort`).Output()
	check(s.t, err)
	return string(out)
}

// testFinding lets shells find the agent of a holder that runs, over an ssh
// that forwards none.
func testFinding(t *testing.T, s *site, command bool) {
	h, _ := s.hold(link.Claim)
	h.expect(link.Outcome{State: link.Set})
	want := s.link() + "\n" + s.key.Pub + "\n"
	if command {
		compare(t, "command", want, s.run("-a", "echo $SSH_AUTH_SOCK; ssh-add -L")+"\n")
	}
	compare(t, "login", want, s.open("-a").tell(sayAgent))
	compare(t, "login with an agent", want, s.open("-A").tell(sayAgent))
	_, err := h.Write([]byte(link.Quit))
	check(t, err)
	h.end()
}

// testLink logs in without mosha.
func testLink(t *testing.T, s *site) {
	compare(t, "keys of a login", s.key.Pub, s.run("-A", "env SSH_AUTH_SOCK="+s.link()+" ssh-add -L"))
	dead := s.target() // sshd's socket goes with the connection, the link stays
	if plain, marked := strings.CutPrefix(dead, "/."); !marked || !s.isForwarded(plain) {
		t.Errorf("a command left the link at %q", dead)
	}
	taken := s.run("-A", "-tt", "readlink "+remotesh.LinkPath)
	if taken == dead {
		t.Error("a login did not take the link")
	}
	compare(t, "a command without an agent", taken, s.target())
}

func testHolderOverSSH(t *testing.T, s *site) {
	h, agent := s.hold(link.Claim)
	h.expect(link.Outcome{State: link.Set})
	compare(t, "target", agent, s.target())
	compare(t, "keys", s.key.Pub, s.keys())
	h.order(link.Ping(5), link.Pong{Token: 5, Owner: link.OwnerSelf})
	_, err := h.Write([]byte(link.Quit))
	check(t, err)
	h.end()
	compare(t, "target after the end", "", s.target())
}

// TestTrap has start-up files that set SSH_AUTH_SOCK whatever it was before.
func TestTrap(t *testing.T) {
	t.Parallel()
	s := newSite(t).login(t, "bash")
	check(t, s.account.WriteFile(".bashrc", "export SSH_AUTH_SOCK=$HOME/.ssh/ssh_auth_sock\n", 0o644))
	setUp(t, s)
	for _, before := range []string{"/gone", "ssh_auth_sock"} {
		_ = os.Remove(s.link())
		check(t, os.Symlink(before, s.link()))
		h, agent := s.hold(link.Claim)
		h.expect(link.Outcome{State: link.Set})
		compare(t, "target", agent, s.target())
		compare(t, "keys", s.key.Pub, s.keys())
		_ = h.Close()
	}
}

// TestShellsSeeTheAgent logs in to a bash that set-up has prepared.
func TestShellsSeeTheAgent(t *testing.T) {
	t.Parallel()
	s := newSite(t).login(t, "bash")
	setUp(t, s)
	h, _ := s.hold(link.Claim)
	h.expect(link.Outcome{State: link.Set})
	const say = "echo $SSH_AUTH_SOCK; ssh-add -L"
	want := s.link() + "\n" + s.key.Pub
	compare(t, "command", want, s.run(say))
	compare(t, "login shell", want, s.run("bash -lc '"+say+"'"))
	compare(t, "after a login with an agent", want, s.run("-A", "-tt", "bash -ic '"+say+"'"))
}

// TestHolderEndsWithItsConnection kills sshd's processes below a holder.
func TestHolderEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	s := newSite(t).login(t, "bash")
	h, agent := s.hold(link.Claim)
	h.expect(link.Outcome{State: link.Set})
	compare(t, "target", agent, s.target())
	h.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerSelf})
	check(t, s.sshd.KillSessions())
	check(t, s.account.WaitGone(t.Context(), ""))
	compare(t, "target", "", s.target())
}

func TestHolderWithoutForwarding(t *testing.T) {
	t.Parallel()
	s := newSite(t, "AllowAgentForwarding no").login(t, "bash")
	setUp(t, s)
	h, agent := s.hold(link.Claim)
	compare(t, "agent", "", agent)
	h.expect(failedLink(link.Error{NoAgent: true}))
}

// TestSystemRC lets set-up create a ~/.ssh/rc, which turns off what sshd does
// without one.
func TestSystemRC(t *testing.T) {
	t.Parallel()
	s := newSite(t, "X11Forwarding yes").login(t, "bash")
	s.person.Setenv("DISPLAY", ":99")
	setUp(t, s)
	const list = `echo "$DISPLAY"; xauth list`
	words := strings.Fields(s.run("-Y", list))
	if len(words) != 4 || words[0] != "localhost:10.0" || words[1] != "devbox/unix:10" || words[2] != "MIT-MAGIC-COOKIE-1" {
		t.Errorf("xauth has %q", words)
	}
	check(t, s.lab.Devbox.Replace("/etc/ssh/sshrc", "read -r proto cookie; echo \"$proto\" >sshrc-read\n", 0o644))
	read := s.run("-Y", "cat sshrc-read")
	compare(t, "what /etc/ssh/sshrc read", "MIT-MAGIC-COOKIE-1", read)
}
