package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/mosha-ssh/mosha/internal/doctor"
	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/tty"
)

// doctorCmd says what works and what does not. Its flags are those of a launch
// that decide what is needed.
type doctorCmd struct {
	JSON bool `help:"Print JSON, an object a line for each check."`

	sshFlag
	UDPAddress string `name:"udp-address" placeholder:"HOST" help:"Where mosh's UDP is to go, as given to mosha [user@]host."`
	transportFlag
	Client     string `placeholder:"PATH" group:"mosh's own flags:" help:"mosh client here (mosh-client)."`
	Server     string `placeholder:"COMMAND" group:"mosh's own flags:" help:"mosh server there (mosh-server)."`
	Family     string `placeholder:"FAMILY" group:"mosh's own flags:" xor:"family" help:"Address family: inet, inet6, auto, all, prefer-inet or prefer-inet6."`
	Inet       bool   `name:"4" short:"4" group:"mosh's own flags:" xor:"family" help:"As --family=inet."`
	Inet6      bool   `name:"6" short:"6" group:"mosh's own flags:" xor:"family" help:"As --family=inet6."`
	Port       string `short:"p" placeholder:"PORT[:PORT2]" group:"mosh's own flags:" help:"UDP port or range on the server."`
	BindServer string `placeholder:"ADDRESS" group:"mosh's own flags:" help:"Address the server replies from: ssh, any or an IP address."`

	Host string `arg:"" placeholder:"[user@]host" help:"Destination, as for ssh."`
}

// Help is what --help says below the first line.
func (d *doctorCmd) Help() string {
	return "It starts a real mosh-server and makes mosh's handshake with it, and has your agent sign something on the remote. " +
		"It sets nothing up, and ends what it started itself.\n\n" +
		"Exit status: 0 if all that is needed holds. Else that of the first check that failed: 1 something here, " +
		"4 no connection or no UDP, 5 host key refused, 6 not authenticated, 7 something there."
}

// Validate refuses what a launch would refuse.
func (d *doctorCmd) Validate() error { return d.launch().Validate() }

// launch is the launch that is asked about.
func (d *doctorCmd) launch() *connectCmd {
	return &connectCmd{
		Client: d.Client, Server: d.Server, Family: d.Family, Inet: d.Inet, Inet6: d.Inet6, Port: d.Port,
		BindServer: d.BindServer, UDPAddress: d.UDPAddress, SSH: d.SSH, transportFlag: d.transportFlag,
	}
}

// Run prints a line a check, and below what fails its cause and its cure. It
// fails unless all that is needed is there.
func (d *doctorCmd) Run() error {
	ssh, err := sshconfig.Words(d.SSH)
	if err != nil {
		return err
	}
	launch := d.launch()
	if err := launch.findUDPAddress(context.Background()); err != nil {
		return err
	}
	// What was started for the checks is ended, also when a person has enough.
	stop := tty.NewInterruption()
	out := d.printer()
	out.person = &person{stop: stop}
	out.of = explain.Examined{Host: d.Host, SSH: d.SSH, Flags: launch.flags()}
	doctor.Examine(stop, doctor.Options{
		Destination: d.Host, SSH: ssh, Transport: d.Transport, Flags: launch.flags(), UDPAddress: launch.UDPAddress,
		Env: os.Getenv,
		Attach: func(ctx context.Context, spec control.Spec, a control.Attach) (*control.Client, *control.Connected, error) {
			return attach(ctx, spec, a, out, report)
		},
		Waiting: func(key string) { say("waiting for the agent to sign with %s: it may want you to confirm that", key) },
	}, out.take)
	stop.End()
	return out.end()
}

// diagnosis prints checks as they come and keeps the exit code of the first
// that failed.
type diagnosis struct {
	*person

	of       explain.Examined
	unasked  bool // the connection asked something, and there was nowhere to put it
	print    func(doctor.Check, explain.Failure)
	failures int
	warnings int
	code     int
}

// Answer puts the connection's question to the person.
func (d *diagnosis) Answer(ctx context.Context, q control.Inquiry) ([][]byte, error) {
	answers, err := d.person.Answer(ctx, q)
	d.unasked = d.unasked || errors.Is(err, tty.ErrNone)
	return answers, err
}

func (d *diagnosis) take(c doctor.Check) {
	if d.stop.Err() != nil { // nobody reads on
		return
	}
	a := explain.Check(c, d.of)
	if d.unasked && c.Problem != nil && c.Problem.Kind == doctor.NoConnection {
		a = explain.Failure{
			Message: "the connection needs an answer of yours, and there is no terminal to ask on", Hint: "run it on a terminal", Code: explain.ExitHere,
		}
	}
	switch c.State {
	case doctor.Fail:
		d.failures++
		if d.code == 0 {
			d.code = a.Code
		}
	case doctor.Warn:
		d.warnings++
	}
	d.print(c, a)
}

func (d *diagnosis) end() error {
	d.print(doctor.Check{}, explain.Failure{})
	if d.code != 0 {
		return &exitError{Code: d.code}
	}
	return nil
}

// verdict is the last line for a person.
func (d *diagnosis) verdict() string {
	switch {
	case d.failures == 1:
		return "one thing is in the way"
	case d.failures > 1:
		return fmt.Sprintf("%d things are in the way", d.failures)
	case d.warnings > 0:
		return "all that a session needs is there"
	}
	return "all is well"
}
