package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"

	"github.com/mosha-ssh/mosha/internal/doctor"
	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/text"
	"github.com/mosha-ssh/mosha/internal/tty"
)

// doctorCmd says what works and what does not. Its flags are those of a launch
// that decide what is needed.
type doctorCmd struct {
	JSON bool `help:"Print JSON, an object a line for each check."`

	sshFlag
	UDPAddress string `name:"udp-address" placeholder:"HOST" help:"Where mosh's UDP is to go, as given to mosha [user@]host."`
	transportFlag
	serverFlags

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
	return &connectCmd{serverFlags: d.serverFlags, UDPAddress: d.UDPAddress, SSH: d.SSH, transportFlag: d.transportFlag}
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
	out := &diagnosis{person: &person{stop: stop}, of: explain.Examined{Host: d.Host, SSH: d.SSH, Flags: launch.flags()}, json: d.JSON}
	out.list.colour = tty.Is(os.Stdout) && os.Getenv("NO_COLOR") == ""
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
	json     bool
	list     checklist
	unasked  bool // the connection asked something, and there was nowhere to put it
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
	if d.json {
		_ = json.NewEncoder(os.Stdout).Encode(checkJSON(c, a))
		return
	}
	fmt.Print(d.list.lines(c, a))
}

func (d *diagnosis) end() error {
	if !d.json {
		fmt.Print(d.list.last(d.verdict()))
	}
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

// jsonCheck is a check as "mosha doctor --json" prints it. Fields keep their
// names and meanings; new ones may come.
type jsonCheck struct {
	Check string            `json:"check"`
	Where doctor.Place      `json:"where"`
	State doctor.State      `json:"state"`
	Cause string            `json:"cause,omitempty"`
	Cure  string            `json:"cure,omitempty"`
	Facts map[string]string `json:"facts,omitempty"`
}

func checkJSON(c doctor.Check, a explain.Failure) jsonCheck {
	maps.DeleteFunc(c.Facts, func(_, fact string) bool { return fact == "" })
	return jsonCheck{Check: c.Name, Where: c.Place, State: c.State, Cause: a.Message, Cure: a.Hint, Facts: c.Facts}
}

// checklist makes lines of checks, in sections by place.
type checklist struct {
	colour  bool
	section doctor.Place
	unseen  []string // what was not looked at, as something before it failed
}

var (
	marks   = map[doctor.State]string{doctor.OK: "ok  ", doctor.Warn: "warn", doctor.Fail: "FAIL", doctor.Skip: "-   "}
	colours = map[doctor.State]string{doctor.OK: "\x1b[32m", doctor.Warn: "\x1b[33m", doctor.Fail: "\x1b[31m", doctor.Skip: "\x1b[2m"}
)

// lines are what is printed of a check.
func (l *checklist) lines(c doctor.Check, a explain.Failure) string {
	if c.Problem != nil && c.Problem.Kind == doctor.NotReached {
		l.unseen = append(l.unseen, explain.Label(c.Name))
		return ""
	}
	var b strings.Builder
	if l.section != c.Place {
		if l.section != "" {
			b.WriteString("\n")
		}
		fmt.Fprintln(&b, c.Place)
		l.section = c.Place
	}
	mark, words := marks[c.State], a.Message
	if l.colour {
		mark = colours[c.State] + mark + "\x1b[0m"
	}
	if c.State == doctor.OK {
		words = explain.Seen(c)
	}
	line := fmt.Sprintf("  %s  %-13s  %s", mark, explain.Label(c.Name), text.Escape(words))
	fmt.Fprintln(&b, strings.TrimRight(line, " "))
	if a.Hint != "" {
		fmt.Fprintf(&b, "%23s%s\n", "", text.Escape("-> "+a.Hint))
	}
	return b.String()
}

// last is what is printed below all checks.
func (l *checklist) last(verdict string) string {
	if len(l.unseen) == 0 {
		return "\n" + verdict + "\n"
	}
	return fmt.Sprintf("\nnot looked at: %s\n%s\n", strings.Join(l.unseen, ", "), verdict)
}
