package main

import (
	"context"
	"errors"

	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
)

// reconnectCmd brings a connection back that waits for a person, or for its next
// attempt. It stays for as long as before.
type reconnectCmd struct {
	sshFlag
	Hosts []string `arg:"" name:"host" placeholder:"[user@]host" help:"Destinations, as for ssh."`
}

// Run sees to the hosts one after the other, so that their questions do not mix.
func (c reconnectCmd) Run() error {
	return each(c.Hosts, "connected", 1, c.reconnect)
}

func (c reconnectCmd) reconnect(ctx context.Context, who *person) error {
	dest, err := find(ctx, c.SSH, who)
	if err != nil {
		return err
	}
	l := &launch{destination: dest}
	l.client, err = control.Connect(ctx, dest.dirs, dest.config.ID())
	if err == nil {
		defer l.client.Close()
		l.up, err = l.client.Attach(dest.fromHere(control.Attach{}), who)
	}
	switch {
	case errors.Is(err, control.ErrNoKeeper), errors.Is(err, control.ErrGone): // it was just ending
		return explain.NoKeeper(who.host)
	case err != nil:
		return dest.explained(err)
	}
	l.note()
	report("%s: connected", who.host)
	return nil
}
