package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/mosh"
	"github.com/mosha-ssh/mosha/internal/tty"
)

// sshFlag says how the destination is reached, and with that whose keeper is
// meant.
type sshFlag struct {
	SSH string `name:"ssh" placeholder:"COMMAND" default:"ssh" help:"ssh command, as given to mosha [user@]host; its options count."`
}

// transportFlag says what is to carry the connection, and takes ssh's -A from who
// is used to it.
type transportFlag struct {
	Agent     bool   `name:"A" short:"A" help:"As ssh's: forward the agent, which is done without it, too."`
	Transport string `enum:"auto,native,openssh" default:"auto" placeholder:"HOW" help:"What carries the connection: native, openssh (an ssh in the background), or auto, which takes native where it can."`
}

type keepCmd struct {
	sshFlag
	transportFlag
	Hosts []string `arg:"" name:"host" placeholder:"[user@]host" help:"Destinations, as for ssh."`
}

// Run connects to the hosts, one after the other, so that what they ask does
// not mix. Off a terminal it says nothing of those that are well.
func (c keepCmd) Run() error {
	return each(c.Hosts, "kept", c.keep)
}

// keep connects, or takes a keeper up again that waits for a person, and has
// it stay.
func (c keepCmd) keep(ctx context.Context, host string, who *person) error {
	dest, err := find(ctx, c.SSH, host, who)
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
		report("%s", explain.Written(ready.Written, host))
	}
	for _, warning := range ready.Warnings {
		warn(warning)
	}
	if err != nil {
		return dest.kept(err)
	}
	report("%s: connected, and stays so until: mosha stop %s", host, host)
	return nil
}

// each does something for one host after the other. A failure is said and does
// not keep it from the next; the exit code is the first one's. A signal ends it
// with a line that says for which hosts it was done.
func each(hosts []string, done string, do func(context.Context, string, *person) error) error {
	several := len(hosts) > 1
	stop := tty.NewInterruption()
	codes := make([]int, len(hosts))
	for i, host := range hosts {
		codes[i] = interrupted
		if stop.Err() == nil {
			err := do(stop, host, personFor(host, several, stop))
			if stop.Err() == nil || err == nil {
				codes[i] = complain(err)
			}
		}
	}
	if several && stop.Err() != nil {
		say("%s", tally(hosts, codes, done))
	}
	stop.End()
	return firstOf(codes)
}

// interrupted is the code of a host for which nothing was done, or not all.
const interrupted = -1

// firstOf is the failure whose code is the exit status.
func firstOf(codes []int) error {
	for _, code := range codes {
		if code != 0 {
			return &exitError{Code: code}
		}
	}
	return nil
}

// tally says how many hosts went well, and which did not.
func tally(hosts []string, codes []int, done string) string {
	var failed, left []string
	for i, code := range codes {
		switch code {
		case 0:
		case interrupted:
			left = append(left, hosts[i])
		default:
			failed = append(failed, hosts[i])
		}
	}
	s := fmt.Sprintf("%d hosts: %d %s", len(hosts), len(hosts)-len(failed)-len(left), done)
	if len(failed) > 0 {
		s += fmt.Sprintf(", %d failed (%s)", len(failed), strings.Join(failed, ", "))
	}
	if len(left) > 0 {
		s += fmt.Sprintf(", %d interrupted (%s)", len(left), strings.Join(left, ", "))
	}
	return s
}
