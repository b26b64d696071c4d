//go:build linux

package main

import (
	"context"
	"errors"
	"slices"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// site is a laptop and a devbox with an sshd, where mosha can be run.
type site struct {
	lab   *lab.Lab
	sshd  *lab.Sshd
	mosha string
}

// prompt is what a login shell on the devbox prints first, whoever logs in.
const prompt = "ready>"

func newSite() (*site, error) {
	l, err := lab.New()
	if err != nil {
		return nil, err
	}
	s := &site{lab: l}
	if err := s.equip(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return s, nil
}

func (s *site) equip() (err error) {
	if s.mosha, err = lab.BuildMosha(s.lab.Path("")); err != nil {
		return err
	}
	if err := s.lab.Devbox.Replace("/etc/profile.d/bench.sh", "PS1='"+prompt+" '\n", 0o644); err != nil {
		return err
	}
	// The system's own choice, which the lab's is not.
	s.sshd, err = s.lab.Devbox.Sshd(lab.SshdConfig{Extra: []string{"KexAlgorithms +curve25519-sha256"}})
	return err
}

// pair is one person: a user on the laptop with a key in an agent, and a user
// on the devbox whom that key lets in. Each candidate has a pair of its own, so
// that none finds what another has left.
type pair struct{ me, dev *lab.User }

func (s *site) newPair() (*pair, error) {
	me, err := s.lab.Laptop.AddUser("bash")
	if err != nil {
		return nil, err
	}
	dev, err := s.lab.Devbox.AddUser("bash")
	if err != nil {
		return nil, err
	}
	key, err := me.NewKey("id_ed25519", "ed25519")
	if err != nil {
		return nil, err
	}
	agent, err := me.Agent()
	if err != nil {
		return nil, err
	}
	me.Setenv("SSH_AUTH_SOCK", agent.Sock)
	host, err := s.sshd.HostKeyLines("devbox")
	if err != nil {
		return nil, err
	}
	return &pair{me, dev}, errors.Join(
		agent.Add(key),
		dev.Authorize(key.Pub),
		me.KnowHost(host...),
		me.WriteFile(".ssh/config", "Host devbox\n  User "+dev.Name+"\n", 0o600),
	)
}

// window runs a command that leads to a session, and waits for the remote
// shell's first output.
func (p *pair) window(ctx context.Context, command ...string) (*lab.Terminal, error) {
	window, err := p.me.Terminal(80, 24, p.me.Command(ctx, command[0], command[1:]...))
	if err != nil {
		return nil, err
	}
	return window, window.WaitOutput(ctx, prompt)
}

// ours are the programs that a launch starts and that must be gone before the
// next. What these start in passing, such as the sleep of a shell that waits,
// does not count.
var ours = []string{"mosha", "mosh", "mosh-client", "mosh-server", "ssh", "sshd"}

// processes counts what the pair runs, on both sides.
func (p *pair) processes() int {
	count := 0
	for _, process := range append(p.me.Processes(), p.dev.Processes()...) {
		if slices.Contains(ours, process.Name) {
			count++
		}
	}
	return count
}
