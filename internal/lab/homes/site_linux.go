package homes

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// Site is a laptop with an agent and a key in it, and a devbox with an sshd.
type Site struct {
	T       *testing.T
	Lab     *lab.Lab
	Sshd    *lab.Sshd
	Person  *lab.User
	Key     lab.Key
	Account *lab.User // the login in use on the devbox
	Host    string
}

// NewSite returns a site whose sshd has these further lines of configuration.
func NewSite(t *testing.T, extra ...string) *Site {
	t.Helper()
	s := &Site{T: t, Lab: labtest.New(t), Host: "devbox"}
	var err error
	s.Sshd, err = s.Lab.Devbox.Sshd(lab.SshdConfig{Extra: extra})
	Check(t, err)
	s.Person, err = s.Lab.Laptop.AddUser("bash")
	Check(t, err)
	s.Key, err = s.Person.NewKey("id_ed25519", "ed25519")
	Check(t, err)
	lines, err := s.Sshd.HostKeyLines("devbox")
	Check(t, err)
	Check(t, s.Person.KnowHost(lines...))
	agent, err := s.Person.Agent()
	Check(t, err)
	Check(t, agent.Add(s.Key))
	s.Person.Setenv("SSH_AUTH_SOCK", agent.Sock)
	return s
}

// Login returns the site with a fresh account that has this login shell.
func (s *Site) Login(t *testing.T, shell string) *Site {
	t.Helper()
	account, err := s.Lab.Devbox.AddUser(shell)
	Check(t, err)
	Check(t, account.Authorize(s.Key.Pub))
	login := *s
	login.T, login.Account = t, account
	return &login
}

// SSH returns an ssh to the account.
func (s *Site) SSH(args ...string) *lab.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	s.T.Cleanup(cancel)
	return s.Person.Command(ctx, "ssh", append([]string{"-l", s.Account.Name, s.Host}, args...)...)
}

// Run runs a command on the devbox and returns what it printed.
func (s *Site) Run(args ...string) string {
	s.T.Helper()
	out, err := s.SSH(args...).Output()
	if err != nil {
		s.T.Errorf("%q: %v, %s", args, err, out)
	}
	return strings.ReplaceAll(strings.TrimSpace(string(out)), "\r", "")
}

// Shell is Setup's.
func (s *Site) Shell(context.Context) (io.ReadWriteCloser, error) { return s.Sh(), nil }

// Sh starts a shell for a script, with these options of ssh.
func (s *Site) Sh(options ...string) *Process {
	s.T.Helper()
	p, err := StartShell(s.T, s.SSH(append(options, "exec /bin/sh")...), nil)
	Check(s.T, err)
	return p
}

// Link returns the path of the account's link.
func (s *Site) Link() string { return filepath.Join(s.Account.Home, linkPath) }

// Target returns what the link leads to, "" for none.
func (s *Site) Target() string {
	target, _ := os.Readlink(s.Link())
	return target
}

// IsForwarded reports whether a socket has a name that the sshd gives to those
// of forwarded agents.
func (s *Site) IsForwarded(socket string) bool {
	if s.Sshd.Version().AtLeast(10, 1) {
		return strings.HasPrefix(socket, filepath.Join(s.Account.Home, ".ssh/agent/s.")) && strings.Contains(socket, ".sshd.")
	}
	return strings.HasPrefix(socket, "/tmp/ssh-")
}

// Keys returns the keys of the agent behind the link.
func (s *Site) Keys() string {
	s.T.Helper()
	add := s.Account.Command(Within(s.T), "ssh-add", "-L")
	add.Env = append(add.Env, "SSH_AUTH_SOCK="+s.Link())
	out, err := add.CombinedOutput()
	Check(s.T, err)
	return strings.TrimSpace(string(out))
}

// SayAgent is typed at a prompt, of whichever shell.
const SayAgent = "sh -c '(echo $SSH_AUTH_SOCK; ssh-add -L) >said 2>&1; mv said said.all'"

// Answer waits for what sayAgent found.
func (s *Site) Answer() string {
	s.T.Helper()
	name := s.Account.Path("said.all")
	Check(s.T, lab.Eventually(s.T.Context(), "an answer from the shell", func() (bool, error) {
		_, err := os.Stat(name)
		return err == nil, nil
	}))
	out, err := os.ReadFile(name)
	Check(s.T, err)
	Check(s.T, os.Remove(name))
	return string(out)
}

// Open logs in at a terminal.
func (s *Site) Open(option string) *window {
	s.T.Helper()
	c := s.SSH(option, "-tt")
	c.Env = append(c.Env, "TERM=vt100")
	terminal, err := s.Person.Terminal(100, 30, c)
	Check(s.T, err)
	return &window{Terminal: terminal, Site: s}
}

type window struct {
	*lab.Terminal
	*Site
}

// Tell types a command that writes an answer, logs out and returns it.
func (w *window) Tell(command string) string {
	w.T.Helper()
	Check(w.T, w.Send(command+"\r"))
	answer := w.Answer()
	w.Leave()
	return answer
}

func (w *window) Leave() {
	w.T.Helper()
	Check(w.T, w.Send("exit\r"))
	_, err := w.Wait(w.T.Context())
	Check(w.T, err)
}

// Told is tell without logging out.
func (w *window) Told() string {
	w.T.Helper()
	Check(w.T, w.Send(SayAgent+"\r"))
	return w.Answer()
}

// Home lists the account's files, but for what the shells, sshd and tests keep
// there.
func (s *Site) Home() string {
	s.T.Helper()
	out, err := s.Account.Command(s.T.Context(), "sh", "-c",
		`find . -path ./.local -prune -o -path ./.cache -prune -o -path './.ssh/agent/*' -prune -o -name '.*history' -o -printf '%p %M %l\n' | sort`).Output()
	Check(s.T, err)
	return string(out)
}

// Inner logs in from the devbox to itself with the agent forwarded, by this
// name, as a session does, and returns the login once it is at its prompt.
func (s *Site) Inner(name string, env ...string) *window {
	s.T.Helper()
	host := name[strings.LastIndex(name, "@")+1:]
	lines, err := s.Sshd.HostKeyLines(host)
	Check(s.T, err)
	Check(s.T, s.Account.KnowHost(lines...))
	c := s.Account.Command(s.T.Context(), "ssh", "-A", "-tt", name)
	c.Env = append(append(c.Env, "TERM=vt100", "SSH_AUTH_SOCK="+s.Link()), env...)
	terminal, err := s.Account.Terminal(100, 30, c)
	Check(s.T, err)
	Check(s.T, terminal.Send("echo in-$((6*7))\r"))
	Check(s.T, terminal.WaitFor(Within(s.T), "in-42"))
	return &window{Terminal: terminal, Site: s}
}

// Within returns a context that ends after what is a hang on any machine.
func Within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// loginShells are what people log in with.
var loginShells = []string{"bash", "zsh", "fish", "tcsh", "csh", "mksh", "dash"}

// EachLoginShell calls test with the shells that stand for the others, or with
// all. always is set for those that read a file also for ssh host command.
func EachLoginShell(test func(shell string, always bool)) {
	for _, shell := range loginShells {
		if slices.Contains([]string{"bash", "zsh", "fish"}, shell) || labtest.Whole {
			test(shell, slices.Contains([]string{"bash", "zsh", "fish", "tcsh", "csh"}, shell))
		}
	}
}
