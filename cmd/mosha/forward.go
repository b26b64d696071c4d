package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/text"
	"github.com/mosha-ssh/mosha/internal/tty"
	"github.com/mosha-ssh/mosha/internal/tunnel"
)

// forwardFlags are ssh's options for tunnels.
type forwardFlags struct {
	Local   []string `name:"L" short:"L" sep:"none" group:"Tunnels, as ssh's:" placeholder:"[ADDRESS:]PORT:HOST:PORT" help:"A port or a Unix socket here that leads to one that the remote reaches."`
	Remote  []string `name:"R" short:"R" sep:"none" group:"Tunnels, as ssh's:" placeholder:"[ADDRESS:]PORT[:HOST:PORT]" help:"A port or a Unix socket there that leads to one that this machine reaches."`
	Dynamic []string `name:"D" short:"D" sep:"none" group:"Tunnels, as ssh's:" placeholder:"[ADDRESS:]PORT" help:"A SOCKS proxy here that goes wherever the remote gets."`
}

// forwardFlag is one of them.
type forwardFlag struct {
	kind          tunnel.Kind
	option, value string
}

func (f forwardFlags) all() []forwardFlag {
	var all []forwardFlag
	for _, one := range []struct {
		kind   tunnel.Kind
		option string
		values []string
	}{{tunnel.Local, "-L", f.Local}, {tunnel.Remote, "-R", f.Remote}, {tunnel.Dynamic, "-D", f.Dynamic}} {
		for _, value := range one.values {
			all = append(all, forwardFlag{one.kind, one.option, value})
		}
	}
	return all
}

// options are the flags as ssh takes them.
func (f forwardFlags) options() []string {
	var options []string
	for _, flag := range f.all() {
		options = append(options, flag.option, flag.value)
	}
	return options
}

type forwardCmd struct {
	sshFlag
	forwardFlags
	Cancel bool   `help:"End these tunnels. Their connections go on."`
	JSON   bool   `help:"Print JSON, an object a line for each tunnel."`
	Host   string `arg:"" placeholder:"[user@]host" help:"The destination."`
}

// Run adds tunnels, ends some, or lists them.
func (c forwardCmd) Run() error {
	given := len(c.options()) > 0
	if c.Cancel && !given {
		return explain.Usage("which tunnel? --cancel takes -L, -R or -D", "mosha forward HOST lists them")
	}
	ctx := context.Background()
	// Who asks for a tunnel here means it.
	dest, err := find(ctx, c.SSH, &person{host: c.Host}, append(c.options(), "-o", "ClearAllForwardings=no")...)
	if err != nil {
		return err
	}
	if given {
		err = c.change(ctx, dest)
	} else {
		err = c.list(ctx, dest)
	}
	if errors.Is(err, control.ErrNoKeeper) {
		return explain.NoKeeper(c.Host)
	}
	return err
}

// change adds tunnels or ends some.
func (c forwardCmd) change(ctx context.Context, dest *destination) error {
	client, err := control.Connect(ctx, dest.dirs, dest.config.ID())
	if err != nil {
		return err
	}
	defer client.Close()
	named, err := c.named(dest.config)
	if err != nil {
		return err
	}
	if c.Cancel {
		return client.Cancel(named)
	}
	tunnels, err := client.Tunnel(named)
	if err != nil {
		return err
	}
	return noteTunnels(tunnels)
}

// named returns the tunnels of the command line as ssh has read them.
func (c forwardCmd) named(config *sshconfig.Config) ([]tunnel.Request, error) {
	var named []tunnel.Request
	for _, flag := range c.all() {
		r, ok := control.TunnelOf(config, flag.kind, flag.value)
		if !ok {
			return nil, explain.Usage(fmt.Sprintf("%s %s: mosha has no such tunnel", flag.option, text.Escape(flag.value)), "")
		}
		if !slices.ContainsFunc(named, func(o tunnel.Request) bool { return o.Spec == r.Spec }) {
			named = append(named, r)
		}
	}
	return named, nil
}

// list prints the tunnels that there are.
func (c forwardCmd) list(ctx context.Context, dest *destination) error {
	status, err := control.StatusOf(ctx, dest.dirs, dest.config.ID())
	if err != nil {
		return err
	}
	if !c.JSON {
		_, err := os.Stdout.WriteString(tunnelTable(status.Tunnels, tty.Width(os.Stdout)))
		return err
	}
	for _, t := range status.Tunnels {
		if err := json.NewEncoder(os.Stdout).Encode(t); err != nil {
			return err
		}
	}
	return nil
}

// tunnelTable has a row for each tunnel, and below them what they lack.
func tunnelTable(all []control.Tunnel, width int) string {
	if len(all) == 0 {
		return "no tunnels\n"
	}
	t := tty.Table{{Title: "TUNNEL"}, {Title: "STATE"}, {Title: "OPEN", Spare: 2}, {Title: "SO FAR", Spare: 1}, {Title: "SENT", Spare: 3}, {Title: "RECEIVED", Spare: 3}}
	for _, one := range all {
		t.Add(text.Escape(tunnelName(one)), text.Escape(one.State), fmt.Sprint(one.Open), fmt.Sprint(one.Total), size(one.Sent), size(one.Received))
	}
	lines := t.String(width)
	for _, one := range all {
		if one.Problem != "" {
			lines += tty.Wrap(text.Escape(one.Option+": "+one.Problem), width)
		}
	}
	return lines
}

// tunnelName is the option, with the port that the server has chosen.
func tunnelName(t control.Tunnel) string {
	if t.Port == 0 {
		return t.Option
	}
	return fmt.Sprintf("%s (port %d)", t.Option, t.Port)
}

// size is a number of bytes for a person.
func size(bytes int64) string {
	const step = 1024
	if bytes < step {
		return fmt.Sprintf("%d B", bytes)
	}
	value, unit := float64(bytes)/step, 0
	for value >= step && unit < 3 {
		value /= step
		unit++
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGT"[unit])
}

// noteTunnels tells what a person has to know of tunnels that were just added:
// why one is not up, and the port that the server has chosen. The error is for
// one that is not.
func noteTunnels(all []control.Tunnel) error {
	failed := error(nil)
	for _, t := range all {
		switch {
		case t.Problem != "":
			warn(&explain.Failure{Message: t.Option + ": " + t.Problem})
		case t.Port != 0:
			say("%s: the server has chosen port %d", t.Option, t.Port)
		}
		if t.State == string(tunnel.Failed) {
			failed = &exitError{Code: explain.ExitHere}
		}
	}
	return failed
}
