//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// stage is all that the demo sets up. In its directory:
//
//	laptop/    HOME of mosha: key, agent's socket, ssh's configuration, run/ as XDG_RUNTIME_DIR
//	devbox/    HOME of the session
//	sshd/      sshd's host key, configuration and log
type stage struct {
	mosha string
	dir   string
	agent *exec.Cmd
	sshd  *lab.Sshd
}

// newStage makes a stage. Its processes end by strike, not with ctx, so that
// they end in an order.
func newStage(ctx context.Context, mosha string) (*stage, error) {
	mosha, err := filepath.Abs(mosha)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "mosha-demo-")
	if err != nil {
		return nil, err
	}
	s := &stage{mosha: mosha, dir: dir}
	for _, step := range []func(context.Context) error{s.makeHomes, s.startAgent, s.makeKey, s.startSshd, s.configureSSH} {
		if err := step(context.WithoutCancel(ctx)); err != nil {
			return nil, errors.Join(err, s.strike())
		}
	}
	return s, nil
}

func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

func (s *stage) makeHomes(context.Context) error {
	for _, dir := range []string{"laptop/run", "devbox", "sshd"} {
		if err := os.MkdirAll(s.path(dir), 0o700); err != nil {
			return err
		}
	}
	for name, text := range startFiles {
		if err := os.MkdirAll(filepath.Dir(s.path("devbox/"+name)), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(s.path("devbox/"+name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// startFiles tell a person in the session where they are, by a prompt of its
// own and two lines at the beginning: the login shell, on this same machine, is
// the one that they have outside. A .zshrc also spares zsh's questionnaire.
var startFiles = map[string]string{
	".profile":                 ". ~/.greet\nPS1='demo$ '\n[ -z \"$BASH_VERSION\" ] || . ~/.bashrc\n",
	".bashrc":                  "PS1='demo:\\w$ '\n",
	".zshrc":                   "PS1='demo:%~%# '\n[[ ! -o login ]] || . ~/.greet\n",
	".login":                   "sh ~/.greet\n",
	".cshrc":                   "set prompt='demo% '\n",
	".config/fish/config.fish": "function fish_prompt; echo 'demo> '; end\nset fish_greeting\nstatus is-login; and sh ~/.greet\n",
	".greet": `echo "This is a mosh session of the demo, with a home directory of its own on this machine."
echo "ssh-add -l shows the key, which is in an agent outside; exit ends the session and the demo."
`,
}

func (s *stage) startAgent(context.Context) error {
	s.agent = exec.Command("ssh-agent", "-D", "-a", s.path("laptop/agent"))
	out, err := s.agent.StdoutPipe()
	if err != nil {
		return err
	}
	if err := s.agent.Start(); err != nil {
		s.agent = nil
		return err
	}
	// It prints how to reach it once it listens.
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		return fmt.Errorf("ssh-agent: %w", err)
	}
	return nil
}

func (s *stage) makeKey(ctx context.Context) error {
	key := s.path("laptop/key")
	for _, args := range [][]string{
		{"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "demo key", "-f", key},
		{"ssh-add", "-q", key},
	} {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Env = s.environ()
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", args[0], err, out)
		}
	}
	return os.Remove(key) // from here on the agent alone has it
}

// startSshd lets sessions have a home of their own. PermitUserRC is no, because
// sshd looks for ~/.ssh/rc in the person's real one.
func (s *stage) startSshd(ctx context.Context) (err error) {
	settings := []string{
		"PermitUserRC no",
		"SetEnv HOME=" + s.path("devbox") + " LANG=C.UTF-8",
	}
	if rootIsLocked() {
		settings = append(settings, "UsePAM yes")
	}
	s.sshd, err = lab.StartSshd(ctx, lab.SshdConfig{
		Dir:                s.path("sshd"),
		AuthorizedKeysFile: s.path("laptop/key.pub"),
		Extra:              settings,
	})
	return err
}

// rootIsLocked reports whether root calls this and has no password to log in
// with, as where everyone uses sudo. Without PAM sshd then refuses root's keys,
// too. Only root can read this file, and others' sshd does not ask.
func rootIsLocked() bool {
	shadow, err := os.ReadFile("/etc/shadow")
	return err == nil && os.Geteuid() == 0 && strings.Contains("\n"+string(shadow), "\nroot:!")
}

// configureSSH makes the host "demo" known to ssh and so to mosha. Every file
// is named, since ssh takes the defaults from the home directory that the
// password file has.
func (s *stage) configureSSH(context.Context) error {
	me, err := user.Current()
	if err != nil {
		return err
	}
	hosts, err := s.sshd.HostKeyLines("127.0.0.1")
	if err != nil {
		return err
	}
	config := fmt.Sprintf(`Host demo
	HostName 127.0.0.1
	Port %d
	User %s
	IdentityFile %s
	IdentitiesOnly yes
	UserKnownHostsFile %s
	GlobalKnownHostsFile none
`, s.sshd.Port, me.Username, s.path("laptop/key.pub"), s.path("laptop/known_hosts"))
	return errors.Join(
		os.WriteFile(s.path("laptop/known_hosts"), []byte(strings.Join(hosts, "\n")+"\n"), 0o600),
		os.WriteFile(s.path("laptop/config"), []byte(config), 0o600),
	)
}

// environ is the environment of the laptop's side: the person's own, but with
// the stage's home, agent and locale.
func (s *stage) environ() []string {
	env := []string{
		"HOME=" + s.path("laptop"),
		"XDG_RUNTIME_DIR=" + s.path("laptop/run"),
		"SSH_AUTH_SOCK=" + s.path("laptop/agent"),
		"LANG=C.UTF-8",
	}
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		switch {
		case name == "HOME", name == "LANG", name == "LANGUAGE", name == "SSH_AUTH_SOCK":
		case strings.HasPrefix(name, "XDG_"), strings.HasPrefix(name, "LC_"), strings.HasPrefix(name, "MOSH_"):
		default:
			env = append(env, entry)
		}
	}
	return env
}
