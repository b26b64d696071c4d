//go:build linux

package lab_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

func open(t testing.TB, u *lab.User, cols, rows int, name string, args ...string) *lab.Terminal {
	t.Helper()
	term, err := u.Terminal(cols, rows, u.Command(within(t), name, args...))
	check(t, err)
	t.Cleanup(func() { term.Close() })
	return term
}

func TestTerminal(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	u := addUser(t, l.Laptop)
	u.Setenv("PS1", "prompt> ")
	term := open(t, u, 80, 24, "bash", "--norc")
	check(t, term.WaitFor(within(t), `^prompt>$`))
	check(t, term.Send("stty size; tty; ps -o stat= -p $$\r"))
	check(t, term.WaitFor(within(t), `^24 80\n/dev/pts/\d+\nS[<N]?s\nprompt>$`))
	check(t, term.Resize(100, 30))
	check(t, term.Send("clear; stty size\r"))
	check(t, term.WaitFor(within(t), `\A30 100\nprompt>$`))
	check(t, term.Send(`printf 'over\rwr\303\244\n'; exit 3`+"\r"))
	exit, err := term.Wait(within(t))
	if exit != 3 || err != nil {
		t.Errorf("exit code %d, %v", exit, err)
	}
	if !strings.Contains(term.Screen(), "\nwrär\n") {
		t.Errorf("the screen shows:\n%s", term.Screen())
	}
	if !strings.Contains(string(term.Transcript()), "over\rwrä\r\n") {
		t.Errorf("the transcript is %q", term.Transcript())
	}
	if err := term.WaitFor(within(t), "more"); !errors.Is(err, lab.ErrEnded) || !strings.Contains(err.Error(), "wrär") {
		t.Errorf("waiting for a command that has ended: %v", err)
	}
}

func TestTerminalWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	term := open(t, addUser(t, l.Laptop), 80, 24, "sh", "-c", "echo shown; sleep 1001")
	check(t, term.WaitOutput(within(t), "^shown\r$"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := term.WaitFor(ctx, "not shown")
	failed, ok := errors.AsType[*lab.ScreenError](err)
	if !ok || failed.Screen != "shown" || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := term.Wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("wait: %v", err)
	}
}

func TestTerminalCloseHangsUp(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	u := addUser(t, l.Laptop)
	term := open(t, u, 80, 24, "sh", "-c", `trap 'echo hung up >said; exit' HUP; echo ready; while :; do sleep 1; done`)
	check(t, term.WaitFor(within(t), "ready"))
	check(t, term.Close())
	check(t, term.Close())
	if _, err := term.Wait(within(t)); err != nil {
		t.Error(err)
	}
	if said, err := u.ReadFile("said"); said != "hung up\n" {
		t.Errorf("the command said %q, %v", said, err)
	}
}

func TestTerminalKill(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	u := addUser(t, l.Laptop)
	term := open(t, u, 80, 24, "sh", "-c", "echo ready; exec sleep 1001")
	check(t, term.WaitFor(within(t), "ready"))
	check(t, term.Kill())
	if exit, err := term.Wait(within(t)); exit != -1 || err != nil {
		t.Errorf("exit code %d, %v", exit, err)
	}
	check(t, term.Kill())
}

func TestTerminalOfNoSize(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	term := open(t, addUser(t, l.Laptop), 0, 0, "stty", "size")
	check(t, term.WaitOutput(within(t), "^0 0\r$"))
}

func TestMosh(t *testing.T) {
	t.Parallel()
	p := newPair(t, lab.SshdConfig{})
	check(t, p.account.WriteFile(".bash_profile", "PS1='devbox> '\n", 0o600))
	term := open(t, p.person, 80, 24, "mosh", p.at("devbox"))
	check(t, term.WaitFor(within(t), `^devbox>$`))
	p.Cable.Cut()
	check(t, term.Send("echo $((6*7))\r"))
	check(t, lab.Eventually(within(t), "a packet is lost", func() (bool, error) {
		return p.Cable.Stats(lab.Out).Lost > 0, nil
	}))
	p.Cable.Heal()
	check(t, term.WaitFor(within(t), `^42$`))
	work, err := p.Laptop.Roam()
	check(t, err)
	check(t, term.Send("clear; echo roamed to $((1+1)) places\r"))
	check(t, term.WaitFor(within(t), `^roamed to 2 places$`))
	check(t, term.Send("exit\r"))
	if exit, err := term.Wait(within(t)); exit != 0 || err != nil {
		t.Errorf("exit code %d, %v, at %v", exit, err, work)
	}
	check(t, p.account.WaitGone(within(t), ""))
}
