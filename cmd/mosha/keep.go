package main

import (
	"context"

	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/mosh"
)

type keepCmd struct {
	sshFlag
	transportFlag
	forwardFlags
	Hosts []string `arg:"" name:"host" placeholder:"[user@]host" help:"Destinations, as for ssh."`
}

// Run connects to the hosts one after the other, so that their questions do not
// mix. Off a terminal it says nothing of those that are well.
func (c keepCmd) Run() error {
	return each(c.Hosts, "kept", 1, c.keep)
}

// keep connects, or wakes a keeper that waits for a person, and tells it to stay.
func (c keepCmd) keep(ctx context.Context, who *person) error {
	dest, err := find(ctx, c.SSH, who, c.options()...)
	if err != nil {
		return err
	}
	launch, err := dest.open(ctx, mosh.Flags{}.AddressFamily(), control.Attach{Session: true, Transport: c.Transport})
	if err != nil {
		return err
	}
	defer launch.client.Close()
	launch.note()
	ready, err := launch.client.Keep()
	if len(ready.Written) > 0 {
		report("%s", explain.Written(ready.Written, who.host))
	}
	for _, warning := range ready.Warnings {
		warn(warning)
	}
	if err != nil {
		return dest.explained(err)
	}
	report("%s: connected, and stays so until: mosha stop %s", who.host, who.host)
	return nil
}
