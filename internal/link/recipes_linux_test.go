package link

import (
	"os"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/homes"
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
	outer := homes.NewSite(t)
	homes.Check(t, outer.Lab.Devbox.Replace("/etc/ssh/sshrc", homes.RecipeRC, 0o644))
	homes.EachLoginShell(func(shell string, _ bool) {
		for where, rc := range map[string]string{"own": homes.RecipeRC, "system": ""} {
			t.Run(shell+"/"+where, func(t *testing.T) {
				t.Parallel()
				s := outer.Login(t, shell)
				homes.Check(t, s.Account.WriteFile(".zshrc", "", 0o644)) // without it zsh asks new users questions
				if rc != "" {
					homes.Check(t, s.Account.WriteFile(".ssh/rc", rc, 0o644))
				}
				setUp(t, s)
				testOwnRC(t, s)
			})
		}
	})
}

func testOwnRC(t *testing.T, s *homes.Site) {
	h, agent := overHold(s, claim)
	h.expect(outcome{State: set})
	s.Run("-a", "true")
	compare(t, "target after a command", agent, s.Target())
	compare(t, "login", s.Link()+"\n"+s.Key.Pub+"\n", s.Open("-a").Tell(homes.SayAgent))
	compare(t, "target after a login", agent, s.Target())
	compare(t, "keys", s.Key.Pub, s.Keys())
	sock := s.Run("-A", "-tt", "readlink "+remotesh.LinkPath)
	if sock == agent || sock != s.Target() || !s.IsForwarded(sock) {
		t.Errorf("a login with an agent left the link at %q, then %q", sock, s.Target())
	}
	_ = h.Close()
}

// TestOwnAgent: logins without an agent, where a start-up file starts one.
func TestOwnAgent(t *testing.T) {
	t.Parallel()
	outer := homes.NewSite(t)
	homes.EachLoginShell(func(shell string, _ bool) {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			own, s := ownAgent[shell], outer.Login(t, shell)
			homes.Check(t, s.Account.WriteFile(own.file, own.recipe, 0o644))
			setUp(t, s)
			testStartsOwn(t, s, "no link")
			homes.Check(t, os.Symlink("/tmp/ssh-gone/agent.1", s.Link()))
			testStartsOwn(t, s, "a link that leads nowhere")
			h, _ := overHold(s, claim)
			h.expect(outcome{State: set})
			compare(t, "login with a link", s.Link()+"\n"+s.Key.Pub+"\n", s.Open("-a").Tell(homes.SayAgent))
			_ = h.Close()
		})
	})
}

// testStartsOwn lets a login say which agent it has, and end that one.
func testStartsOwn(t *testing.T, s *homes.Site, when string) {
	const say = "sh -c '(echo $SSH_AUTH_SOCK; ssh-add -L; ssh-agent -k) >said 2>&1; mv said said.all'"
	got := strings.Split(s.Open("-a").Tell(say), "\n")
	if len(got) < 3 || got[0] == s.Link() || got[1] != "The agent has no identities." || !strings.Contains(got[2], "SSH_AUTH_SOCK") {
		t.Errorf("%s: a login without an agent has %q, not one of its own", when, got)
	}
}
