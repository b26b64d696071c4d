package bootstrap

import (
	"os"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// What many have in their start-up files without mosha: it starts an agent
// where none is.
const (
	recipeSh   = "if [ -z \"$SSH_AUTH_SOCK\" ]; then\n  eval \"$(ssh-agent -s)\" >/dev/null\nfi\n"
	recipeFish = "if not set -q SSH_AUTH_SOCK\n    eval (ssh-agent -c) >/dev/null\nend\n"
	recipeCsh  = "if ( ! $?SSH_AUTH_SOCK ) eval `ssh-agent -c` >/dev/null\n"
)

// ownAgent is where a person has the recipe that starts an agent.
var ownAgent = map[string]struct{ file, recipe string }{
	"bash": {".bashrc", recipeSh},
	"zsh":  {".zshrc", recipeSh},
	"fish": {".config/fish/config.fish", recipeFish},
	"tcsh": {".cshrc", recipeCsh},
	"csh":  {".cshrc", recipeCsh},
	"mksh": {".profile", recipeSh},
	"dash": {".profile", recipeSh},
}

// TestOwnRC: logins without an agent, while a holder has the link, leave it
// alone where ~/.ssh/rc or /etc/ssh/sshrc links it to what SSH_AUTH_SOCK names.
func TestOwnRC(t *testing.T) {
	t.Parallel()
	outer := newSite(t)
	check(t, outer.lab.Devbox.Replace("/etc/ssh/sshrc", recipeRC, 0o644))
	eachLoginShell(func(shell string) {
		for where, rc := range map[string]string{"own": recipeRC, "system": ""} {
			t.Run(shell+"/"+where, func(t *testing.T) {
				t.Parallel()
				s := outer.login(t, shell)
				check(t, s.account.WriteFile(".zshrc", "", 0o644)) // without it zsh asks new users questions
				if rc != "" {
					check(t, s.account.WriteFile(".ssh/rc", rc, 0o644))
				}
				setUp(t, s)
				testOwnRC(t, s)
			})
		}
	})
}

func testOwnRC(t *testing.T, s *site) {
	h, agent := s.hold(link.Claim)
	h.expect(link.Outcome{State: link.Set})
	s.run("-a", "true")
	compare(t, "target after a command", agent, s.target())
	compare(t, "login", s.link()+"\n"+s.key.Pub+"\n", s.open("-a").tell(sayAgent))
	compare(t, "target after a login", agent, s.target())
	compare(t, "keys", s.key.Pub, s.keys())
	sock := s.run("-A", "-tt", "readlink "+remotesh.LinkPath)
	if sock == agent || sock != s.target() || !s.isForwarded(sock) {
		t.Errorf("a login with an agent left the link at %q, then %q", sock, s.target())
	}
	_ = h.Close()
}

// TestOwnAgent: logins without an agent, where a start-up file starts one.
func TestOwnAgent(t *testing.T) {
	t.Parallel()
	outer := newSite(t)
	eachLoginShell(func(shell string) {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			own, s := ownAgent[shell], outer.login(t, shell)
			check(t, s.account.WriteFile(own.file, own.recipe, 0o644))
			setUp(t, s)
			testStartsOwn(t, s, "no link")
			check(t, os.Symlink("/tmp/ssh-gone/agent.1", s.link()))
			testStartsOwn(t, s, "a link that leads nowhere")
			h, _ := s.hold(link.Claim)
			h.expect(link.Outcome{State: link.Set})
			compare(t, "login with a link", s.link()+"\n"+s.key.Pub+"\n", s.open("-a").tell(sayAgent))
			_ = h.Close()
		})
	})
}

// testStartsOwn lets a login say which agent it has, and end that one.
func testStartsOwn(t *testing.T, s *site, when string) {
	const say = "sh -c '(echo $SSH_AUTH_SOCK; ssh-add -L; ssh-agent -k) >said 2>&1; mv said said.all'"
	got := strings.Split(s.open("-a").tell(say), "\n")
	if len(got) < 3 || got[0] == s.link() || got[1] != "The agent has no identities." || !strings.Contains(got[2], "SSH_AUTH_SOCK") {
		t.Errorf("%s: a login without an agent has %q, not one of its own", when, got)
	}
}
