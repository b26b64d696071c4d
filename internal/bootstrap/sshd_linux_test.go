package bootstrap

import (
	"context"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/homes"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

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

func TestOverSSH(t *testing.T) {
	t.Parallel()
	outer := homes.NewSite(t)
	homes.EachLoginShell(func(shell string, always bool) {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			s := outer.Login(t, shell)
			if shell == "zsh" { // which asks new users questions
				homes.Check(t, s.Account.WriteFile(".zshrc", "", 0o644))
			}
			openTmux(s)
			if always {
				openScreen(s)
			}
			before := s.Home() // after a login: fish makes directories
			compare(t, "report", loginShells[shell], reported(t, setUp(t, s)))
			testLink(t, s)
			if !always {
				openScreen(s) // its windows are not login shells: such a shell reads no file in them
			}
			testPanes(t, s)
			_, err := Undo(t.Context(), s)
			homes.Check(t, err)
			compare(t, "home after undo", before, s.Home())
		})
	})
}

// openTmux lets a login with an agent leave a tmux behind.
func openTmux(s *homes.Site) {
	s.T.Helper()
	s.Open("-A").Tell("tmux new-session -d -s m; echo ok >said.all")
	s.T.Cleanup(func() { _ = s.Account.Command(context.Background(), "tmux", "kill-server").Run() })
}

// openScreen lets one leave a screen behind.
func openScreen(s *homes.Site) {
	s.T.Helper()
	s.Open("-A").Tell("screen -dmS m; echo ok >said.all")
	s.T.Cleanup(func() { _ = s.Account.Command(context.Background(), "screen", "-S", "m", "-X", "quit").Run() })
}

// testPanes opens windows in the tmux and the screen of a login that is gone,
// and lets them use the agents of one login after the other.
func testPanes(t *testing.T, s *homes.Site) {
	do := func(argv ...string) {
		t.Helper()
		if out, err := s.Account.Command(t.Context(), argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Errorf("%q: %v, %s", argv, err, out)
		}
	}
	want := s.Link() + "\n" + s.Key.Pub + "\n"
	first := s.Open("-A")
	compare(t, "login", want, first.Told())
	do("tmux", "new-window", "-t", "m:5")
	do("screen", "-S", "m", "-X", "screen", "5")
	for _, when := range []string{"", ", after another login"} {
		do("tmux", "send-keys", "-t", "m:5", homes.SayAgent, "Enter")
		compare(t, "tmux"+when, want, s.Answer())
		do("screen", "-S", "m", "-p", "5", "-X", "stuff", strings.ReplaceAll(homes.SayAgent, "$", `\$`)+"\r")
		compare(t, "screen"+when, want, s.Answer())
		if when == "" {
			first.Leave()
			second := s.Open("-A")
			compare(t, "another login", want, second.Told())
			defer second.Leave()
		}
	}
}

// testLink logs in without mosha.
func testLink(t *testing.T, s *homes.Site) {
	compare(t, "keys of a login", s.Key.Pub, s.Run("-A", "env SSH_AUTH_SOCK="+s.Link()+" ssh-add -L"))
	dead := s.Target() // sshd's socket goes with the connection, the link stays
	if plain, marked := strings.CutPrefix(dead, "/."); !marked || !s.IsForwarded(plain) {
		t.Errorf("a command left the link at %q", dead)
	}
	taken := s.Run("-A", "-tt", "readlink "+remotesh.LinkPath)
	if taken == dead {
		t.Error("a login did not take the link")
	}
	compare(t, "a command without an agent", taken, s.Target())
}

// TestSystemRC lets set-up create a ~/.ssh/rc, which turns off what sshd does
// without one.
func TestSystemRC(t *testing.T) {
	t.Parallel()
	s := homes.NewSite(t, "X11Forwarding yes").Login(t, "bash")
	s.Person.Setenv("DISPLAY", ":99")
	setUp(t, s)
	const list = `echo "$DISPLAY"; xauth list`
	words := strings.Fields(s.Run("-Y", list))
	if len(words) != 4 || words[0] != "localhost:10.0" || words[1] != "devbox/unix:10" || words[2] != "MIT-MAGIC-COOKIE-1" {
		t.Errorf("xauth has %q", words)
	}
	homes.Check(t, s.Lab.Devbox.Replace("/etc/ssh/sshrc", "read -r proto cookie; echo \"$proto\" >sshrc-read\n", 0o644))
	read := s.Run("-Y", "cat sshrc-read")
	compare(t, "what /etc/ssh/sshrc read", "MIT-MAGIC-COOKIE-1", read)
}
