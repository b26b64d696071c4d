package doctor

import (
	"cmp"
	"context"
	"errors"
	"os"
	"strconv"
	"sync"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/mosh"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/text"
)

// Options are what to examine, and how.
type Options struct {
	Destination string   // [user@]host, as for ssh
	SSH         []string // ssh and its options; none: plain ssh
	Flags       mosh.Flags
	Transport   string              // as control.Attach has it
	UDPAddress  string              // an IP address for UDP; "" for that of the connection
	Env         func(string) string // looks up a variable of the environment
	// Attach makes the destination's keeper connect, and starts one if none runs.
	Attach func(context.Context, control.Spec, control.Attach) (*control.Client, *control.Connected, error)
	// Waiting, if set, is called at most once for each signature, when the
	// agent has not signed yet: it may want a person to confirm that.
	Waiting func(key string)
}

// Examine makes all checks, and reports each when it and those before it are
// known: their order is always the same. It reports a check as Skip if one that
// it needs has failed. It returns when all that it started has ended, or with
// ctx.
func Examine(ctx context.Context, o Options, report func(Check)) {
	e := &examination{ctx: ctx, options: o, report: report}
	e.here()
	client, connection := e.connect()
	report(connection)
	if client == nil {
		e.skipFrom(CheckUDP, CheckConnection)
		return
	}
	defer client.Close()
	e.overConnection()
}

// examination is the state of one Examine.
type examination struct {
	ctx     context.Context
	options Options
	report  func(Check)

	config   *sshconfig.Config // nil: ssh did not say
	dirs     rundir.Dirs
	canKeep  bool  // a keeper runs and answers, or could run
	running  bool  // a keeper ran before
	held     bool  // the keeper looks after the link, for sessions or since it is kept
	keysHere int   // how many the agent shows here
	ran      rcRun // whether ~/.ssh/rc ran
	up       *control.Connected
	spec     control.Spec
}

// here makes the checks of this machine.
func (e *examination) here() {
	var all [6]Check
	var programs sync.WaitGroup
	client := e.options.Flags.Client
	if client == "" {
		client = "mosh-client"
	}
	programs.Go(func() { all[1] = e.program(CheckMosh, "mosh") })
	programs.Go(func() { all[2] = e.program(CheckMoshClient, client) })
	programs.Go(func() { all[3] = e.locale() })
	all[0] = e.ssh()
	all[4], all[5] = e.agent(), e.keeper()
	programs.Wait()
	for _, c := range all {
		e.report(c)
	}
}

// connect makes the destination's keeper connect, and starts one if none runs.
// The connection lasts as long as the client.
func (e *examination) connect() (*control.Client, Check) {
	c := newCheck(Between, CheckConnection)
	switch {
	case e.config == nil:
		return nil, c.skips(NotReached, CheckSSH)
	case !e.canKeep:
		return nil, c.skips(NotReached, CheckKeeper)
	}
	e.spec = control.Spec{Dirs: e.dirs, Config: e.config, Family: e.options.Flags.AddressFamily()}
	client, err := e.attach()
	if err != nil {
		return nil, c.fails(NoConnection, "", "", err)
	}
	c.Facts["address"], c.Facts["identity"] = e.up.Address, text.ASCII(e.up.Identity)
	c.Facts["port"] = strconv.Itoa(e.config.Port)
	if status, err := control.StatusOf(e.ctx, e.dirs, e.config.ID()); err == nil {
		e.held = status.Sessions > 0 || status.Kept || status.Link != ""
		if status.Trip > 0 {
			c.Facts["round_trip"] = strconv.FormatFloat(status.Trip, 'f', -1, 64)
		}
	}
	if address := cmp.Or(e.options.UDPAddress, e.up.Address); !mosh.FamilyFits(e.spec.Family, address) {
		return client, c.fails(WrongFamily, e.spec.Family, address, nil)
	}
	return client, c
}

// attach waits for the connection. It announces no session, so that a keeper
// that it starts neither sets the remote up nor holds the link. The agent that
// a running keeper forwards stays the same, and so does the configuration of a
// connection that works.
func (e *examination) attach() (client *control.Client, err error) {
	a := control.Attach{Config: e.config, Env: control.Environment(os.Environ()), Transport: e.options.Transport}
	if !e.running {
		a.AgentSocket = e.options.Env("SSH_AUTH_SOCK")
	}
	client, e.up, err = e.options.Attach(e.ctx, e.spec, a)
	return client, err
}

// shell starts a shell on the remote.
func (e *examination) shell(ctx context.Context, agent bool) (*control.RemoteShell, error) {
	client, err := control.Connect(ctx, e.dirs, e.spec.ID())
	if err != nil {
		return nil, err
	}
	shell, err := client.Shell(agent)
	if err != nil {
		client.Close()
		return nil, err
	}
	return shell, nil
}

// overConnection makes the checks that need the connection. It looks at the
// remote and at UDP side by side, or one after the other where the server
// allows too few sessions for that. The agent comes last: every session that
// begins after it runs ~/.ssh/rc with a socket.
func (e *examination) overConnection() {
	if !e.up.Forwarding.OpenSSH {
		report := e.report
		e.report = func(c Check) {
			if c.Problem != nil {
				c.Problem.Other = true
			}
			report(c)
		}
	}
	if e.up.OneSession {
		start := e.startServer()
		e.report(start.udp())
		e.report(newCheck(There, CheckShell).fails(OneSession, "", "", nil))
		e.skipFrom(CheckMoshServer, CheckShell)
		return
	}
	var seen remoteSeen
	var start startSeen
	var both sync.WaitGroup
	both.Go(func() { start = e.startServer() })
	seen = e.look()
	both.Wait()
	if isNoRoom(start.err) {
		start = e.startServer()
	}
	e.report(start.udp())
	if isNoRoom(seen.err) {
		seen = e.look()
	}
	if isNoRoom(seen.setErr) {
		e.preview(&seen)
	}
	if !e.up.Forwarding.OpenSSH {
		seen.facts.sshd, seen.facts.unreadable = nil, "" // of another server, which may be there too
	}
	e.reportShell(seen, start)
	if seen.err != nil {
		e.skipFrom(CheckForwarding, CheckShell)
		return
	}
	e.reportAgent(seen)
	e.reportDotfiles(seen)
}

func isNoRoom(err error) bool {
	var room *control.RoomError
	return errors.As(err, &room)
}

// order lists the checks that follow the connection.
var order = []struct {
	place Place
	name  string
}{
	{Between, CheckUDP},
	{There, CheckShell}, {There, CheckMoshServer}, {There, CheckServerLocale},
	{There, CheckForwarding}, {There, CheckLink}, {There, CheckSignature},
	{There, CheckSetup}, {There, CheckUserRC}, {There, CheckLoginShell},
}

// skipFrom skips the check named first and those after it.
func (e *examination) skipFrom(first, failed string) {
	skipping := false
	for _, o := range order {
		skipping = skipping || o.name == first
		if skipping {
			e.report(newCheck(o.place, o.name).skips(NotReached, failed))
		}
	}
}
