//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// forwarder is a way to have the laptop's agent in a mosh session.
type forwarder struct {
	name    string
	pair    *pair
	session []string // the command that leads to the session
	beside  []string // the command that forwards the agent, if the session's does not
	// owns tells which of the laptop's processes forward the agent.
	owns func(lab.Proc) bool
}

// The forwarders, in the order of the tables.
const (
	moshaForwards = iota
	slowAutossh
	fastAutossh
	forwarderCount
)

// forwarders makes all of them, each for a pair of its own.
func (s *site) forwarders(ctx context.Context) ([]*forwarder, error) {
	forwarders := make([]*forwarder, forwarderCount)
	for i := range forwarders {
		p, err := s.newPair()
		if err != nil {
			return nil, err
		}
		switch i {
		case moshaForwards:
			forwarders[i], err = s.withMosha(p), s.setUp(ctx, p)
		case slowAutossh:
			forwarders[i], err = withAutossh(p, 15, 3), p.followRecipe()
		case fastAutossh:
			forwarders[i], err = withAutossh(p, 1, 2), p.followRecipe()
		}
		if err != nil {
			return nil, err
		}
	}
	return forwarders, nil
}

func (s *site) withMosha(p *pair) *forwarder {
	return &forwarder{
		name: "mosha", pair: p,
		session: []string{s.mosha, "devbox"},
		owns:    func(p lab.Proc) bool { return p.Name == "mosha" },
	}
}

// withAutossh is the recipe that mosha replaces. A gate time of 0 makes autossh
// try again also when its first attempt fails.
func withAutossh(p *pair, interval, count int) *forwarder {
	p.me.Setenv("AUTOSSH_GATETIME", "0")
	return &forwarder{
		name: fmt.Sprintf("autossh %d/%d", interval, count), pair: p,
		session: []string{"mosh", "devbox"},
		beside: []string{
			"autossh", "-M", "0", "-T", "-A",
			"-o", fmt.Sprintf("ServerAliveInterval=%d", interval),
			"-o", fmt.Sprintf("ServerAliveCountMax=%d", count),
			"devbox", "sleep infinity",
		},
		owns: func(p lab.Proc) bool { return p.Name == "autossh" || p.Name == "ssh" },
	}
}

// link is where the agent is found on the devbox, whoever forwards it.
func (p *pair) link() string { return p.dev.Path(".ssh/ssh_auth_sock") }

// followRecipe sets the remote up as people do by hand: every connection takes
// the link. What mosha writes would not do for autossh: by it a command in the
// background leaves a link alone that leads to a socket, and after a lost
// connection there is one.
func (p *pair) followRecipe() error {
	return errors.Join(
		p.dev.WriteFile(".ssh/rc", `[ -z "$SSH_AUTH_SOCK" ] || ln -sf "$SSH_AUTH_SOCK" ~/.ssh/ssh_auth_sock`+"\n", 0o600),
		p.dev.WriteFile(".profile", "export SSH_AUTH_SOCK=~/.ssh/ssh_auth_sock\n", 0o600),
	)
}

// running is a session in which the agent works.
type running struct {
	*forwarder
	window *lab.Terminal
	stop   func() // kills what runs beside the session
	quiet  int    // processes on the laptop before
	checks int
}

// start opens a session and returns when the agent works in it.
func (f *forwarder) start(ctx context.Context) (*running, error) {
	r := &running{forwarder: f, quiet: len(f.pair.me.Processes())}
	if err := r.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", f.name, err), r.end(ctx))
	}
	return r, nil
}

func (r *running) open(ctx context.Context) error {
	if r.beside != nil {
		killed, kill := context.WithCancel(ctx)
		r.stop = kill
		cmd := r.pair.me.Command(killed, r.beside[0], r.beside[1:]...)
		if err := cmd.Start(); err != nil {
			return err
		}
		go func() { _ = cmd.Wait() }() // it is killed, and says so
	}
	var err error
	if r.window, err = r.pair.window(ctx, r.session...); err != nil {
		return err
	}
	return r.check(ctx)
}

// check waits until ssh-add succeeds in the session itself.
func (r *running) check(ctx context.Context) error {
	r.checks++
	// The sum tells the answer from the question on the screen.
	command := fmt.Sprintf("until timeout 2 ssh-add -l; do sleep 0.2; done; echo check-$((%d+1000))\r", r.checks)
	if err := r.window.Send(command); err != nil {
		return err
	}
	return r.window.WaitFor(ctx, fmt.Sprintf("check-%d", r.checks+1000))
}

// end kills what the session and its forwarder consist of, on both sides, so
// that the next one begins anew.
func (r *running) end(ctx context.Context) error {
	if r.stop != nil {
		r.stop()
	}
	if r.window != nil {
		if err := errors.Join(r.window.Kill(), r.window.Close()); err != nil {
			return err
		}
	}
	err := lab.Eventually(ctx, "the session's processes on the laptop are gone", func() (bool, error) {
		return len(r.pair.me.Processes()) <= r.quiet, nil
	})
	return errors.Join(err, lab.Eventually(ctx, "the processes on the devbox are gone", func() (bool, error) {
		left := r.pair.dev.Processes()
		for _, p := range left {
			_ = unix.Kill(p.PID, unix.SIGKILL) // it may have just ended
		}
		return len(left) == 0, nil
	}))
}
