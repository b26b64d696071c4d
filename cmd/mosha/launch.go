package main

import (
	"context"
	"errors"
	"os"

	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/tty"
)

// destination is a host as the configuration has it, where its keeper's files
// are, and who answers the keeper's questions.
type destination struct {
	config *sshconfig.Config
	dirs   rundir.Dirs
	who    *person
}

// find asks ssh, with the options of the --ssh flag and these further ones, what
// it makes of the person's host.
func find(ctx context.Context, ssh string, who *person, extra ...string) (*destination, error) {
	words, err := sshconfig.Words(ssh)
	if err != nil {
		return nil, err
	}
	stop := afterAWhile(who.tell, func() string { return "waiting for ssh -G to say what is configured for " + who.host })
	config, err := sshconfig.Resolve(ctx, child.Env{}, words, who.host, extra...)
	stop()
	if err != nil {
		return nil, err
	}
	dirs, err := rundir.Find(os.Getenv)
	return &destination{config: config, dirs: dirs, who: who}, err
}

// explained puts a failure of the destination's keeper into words. The error
// itself is behind them.
func (d *destination) explained(err error) error {
	f := explain.OfKeeper(err, d.config, d.dirs.Log(d.config.ID()))
	return errors.Join(&f, err)
}

// fromHere adds what the connection goes by from now on: its configuration, and
// this terminal's agent and environment.
func (d *destination) fromHere(a control.Attach) control.Attach {
	a.AgentSocket, a.Config = os.Getenv("SSH_AUTH_SOCK"), d.config
	a.Env = control.Environment(os.Environ())
	return a
}

// launch is a destination whose connection is up.
type launch struct {
	*destination

	client *control.Client
	up     *control.Connected
}

// open makes the destination's keeper connect, for this terminal's agent.
func (d *destination) open(ctx context.Context, family string, a control.Attach) (*launch, error) {
	spec := control.Spec{Dirs: d.dirs, Config: d.config, Family: family}
	client, up, err := attach(ctx, spec, d.fromHere(a), d.who, d.who.tell)
	if err != nil {
		return nil, d.explained(err)
	}
	return &launch{destination: d, client: client, up: up}, nil
}

// attachTries is how often a keeper is looked for anew, when the one that was
// found was just ending.
const attachTries = 5

// attach finds or spawns a keeper and waits until its connection is up.
func attach(ctx context.Context, spec control.Spec, a control.Attach, who control.Person, tell teller) (*control.Client, *control.Connected, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, err
	}
	for range attachTries {
		stop := afterAWhile(tell, func() string { return "waiting for the process in the background to start" })
		var client *control.Client
		client, err = control.FindOrSpawn(ctx, spec, []string{self, "keeper"})
		stop()
		if err == nil {
			var up *control.Connected
			if up, err = client.Attach(a, who); err == nil {
				return client, up, nil
			}
			client.Close() // or it would count as one who can be asked
		}
		if ctx.Err() != nil || !errors.Is(err, control.ErrGone) && !errors.Is(err, control.ErrNoKeeper) {
			break
		}
	}
	return nil, nil, err
}

// note says what ssh would say while it connects, and what the session will
// miss. It reports whether there is anything of that.
func (l *launch) note() (lacks bool) {
	l.who.note(l.up.Notes)
	_ = noteTunnels(l.up.Tunnels) // the session begins all the same
	if l.up.Agent == "" {
		path, _ := l.config.ForwardedSocket(os.Getenv)
		warn(explain.NoAgent(path, l.config.AgentSetting()))
		return true
	}
	return false
}

// isRead reports whether somebody reads what mosha says before the session.
// Nobody does where output goes elsewhere, nor where the configuration says so:
// BatchMode, LogLevel or -q.
func (l *launch) isRead() bool {
	return tty.Is(os.Stdin) && tty.Is(os.Stdout) && !l.config.BatchMode && !l.config.IsHushed()
}
