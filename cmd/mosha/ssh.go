package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/lease"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/mosh"
	"github.com/mosha-ssh/mosha/internal/remotesh"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/text"
	"github.com/mosha-ssh/mosha/internal/tty"
)

// standInCmd is what mosh is given as its ssh command. It has mosh-server
// started over the keeper's connection and says what mosh waits to hear. mosh
// reads both of its outputs and shows the lines that are not for itself.
type standInCmd struct {
	KeeperID string   `name:"keeper" required:""`
	LeaseFD  int      `name:"lease" required:""`
	Args     []string `arg:"" passthrough:""`
}

// Run returns as soon as the CONNECT line is handed over, or with the code of
// the remote command that should have started mosh-server.
func (s standInCmd) Run() error {
	handover, release, err := lease.TakeOver(s.LeaseFD)
	defer release() // at the end: mosh may be interrupted before, and somebody has to end the server
	if err != nil {
		return err
	}
	args := s.Args
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	request, err := mosh.ParseArgs(args)
	if err != nil {
		return err
	}
	dirs, err := rundir.Find(os.Getenv)
	if err != nil {
		return err
	}
	connect := func() (*control.Client, error) { return control.Connect(context.Background(), dirs, s.KeeperID) }
	start := &serverStart{request: request, handover: handover, lacks: handover.Lacks, connect: connect}
	err = start.run()
	var refused *tty.SignalError
	if (start.route != nil || errors.As(err, &refused)) && start.pid != "" {
		endServer(connect, start.pid)
	}
	if refused != nil {
		tty.Obey(refused.Signal)
	}
	return err
}

// serverStart is the start of mosh-server, and what becomes known in it.
type serverStart struct {
	request  mosh.Request
	handover lease.Handover
	connect  func() (*control.Client, error)

	address string // where mosh's UDP is to go
	settled atomic.Bool
	held    atomic.Pointer[string] // what holds it up, a kind of Notice
	staged  atomic.Bool            // what is waited for was said
	route   error                  // why it cannot get there
	pid     string                 // of the server
	lacks   bool                   // the session goes without something, as was said
	fresh   bool                   // at the beginning of a line
	waiting *time.Timer
}

// slowStart is after how long without a server, all else being ready, a person
// is told what is waited for: a start-up file that runs another program on the
// terminal of the start holds it up for ever.
const slowStart = 5 * time.Second

// run relays the server's start. CONNECT comes last, when the keeper has said
// that the remote is ready.
func (s *serverStart) run() error {
	s.fresh = true
	relay := mosh.Relay{Print: s.print, Found: func(path string) {
		say("mosh-server is not in PATH on %s: using %s", s.request.Destination, path)
	}}
	if s.handover.Read {
		defer afterAWhile(say, s.stage)()
	}
	code, err := s.start(&relay, mosh.ServerCommand(s.request.Command, remotesh.SetAgent))
	if err == nil && relay.Connect() == nil && relay.Code() == 0 && code == notFound {
		// The login shell found no sh, as a restricted one may not. As mosh has it, it may find the server.
		code, err = s.start(&relay, s.request.Command)
	}
	if s.waiting != nil {
		s.waiting.Stop()
	}
	relay.End()
	s.pid = relay.Pid()
	if !s.fresh {
		fmt.Println()
	}
	if err == nil && s.route != nil {
		return s.route
	}
	if s.address != "" && s.request.WantIP {
		fmt.Println("MOSH IP", s.address)
	}
	switch {
	case err != nil:
		return err
	case relay.Connect() == nil && relay.Broken() != nil:
		return explain.BadServer(s.request.Destination, relay.Broken())
	case relay.Connect() == nil:
		return explain.NoServer(s.request.Destination, mosh.NamedServer(s.request.Command), cmp.Or(relay.Code(), code))
	}
	if err := s.wait(); err != nil {
		return err
	}
	_, err = os.Stdout.Write(relay.Connect())
	return err
}

// notFound is the exit status of a shell that finds no such command.
const notFound = 127

// start gives the login shell a command and relays what comes of it.
func (s *serverStart) start(relay *mosh.Relay, command string) (code int, err error) {
	client, err := s.connect()
	if err != nil {
		return -1, err
	}
	defer client.Close()
	start := control.Start{Command: command, Env: s.handover.Env}
	if s.request.Pty {
		start.Pty = currentTerminal(s.handover.Env)
	}
	return client.Start(start, control.Follower{
		Output:  func(p []byte) { _, _ = relay.Write(p) },
		Waiting: s.hold,
		Settled: s.settle,
		Done: func() bool {
			known := !s.waits() || relay.Pid() != ""
			return s.settled.Load() && s.route == nil && relay.Connect() != nil && known
		},
	})
}

// waits reports whether somebody is to read first what the session goes without:
// mosh-client hides it with the screen that it draws.
func (s *serverStart) waits() bool { return s.lacks && s.handover.Read }

// readingTime is how long a session waits for Enter: nobody may be there after
// all, and mosh-server waits for a minute only.
const readingTime = 20 * time.Second

// wait gives a person the time to read. The error is a *tty.SignalError if they want
// no such session.
func (s *serverStart) wait() error {
	if !s.waits() {
		return nil
	}
	// Once mosh has gone by the signal, a hangup may follow it, and the server is
	// still to be ended.
	held := make(chan os.Signal, 1)
	signal.Notify(held, tty.Ending()...)
	err := tty.Wait(readingTime, func() {
		say("press Enter to begin the session, or Ctrl-C to leave it; it begins by itself in %.0f s", readingTime.Seconds())
	})
	if err == nil {
		signal.Stop(held)
	}
	return err
}

// stage says what a launch waits for.
func (s *serverStart) stage() string {
	s.staged.Store(true)
	switch {
	case s.held.Load() != nil:
		return explain.Held(*s.held.Load(), s.request.Destination)
	case s.settled.Load():
		return "waiting for mosh-server to start on " + s.request.Destination
	}
	return "setting up " + s.request.Destination + " for the agent"
}

// hold takes the keeper's word for what holds the start up.
func (s *serverStart) hold(kind string) {
	s.held.Store(&kind)
	if s.staged.Load() && s.handover.Read {
		say("%s", explain.Held(kind, s.request.Destination))
	}
}

// settle takes the keeper's word that the remote is ready.
func (s *serverStart) settle(ready control.Ready) {
	if s.settled.Swap(true) {
		return // by an earlier start
	}
	s.address = ready.Address
	s.waiting = time.AfterFunc(slowStart, func() {
		say("mosh-server has not started on %s yet: a slow login, or a start-up file that runs another program there", s.request.Destination)
	})
	if len(ready.Written) > 0 {
		say("%s", explain.Written(ready.Written, s.request.Destination))
	}
	for _, warning := range ready.Warnings {
		var forward *link.ForwardError
		var noKeys *control.NoKeysError
		s.lacks = s.lacks || errors.As(warning, &forward) && forward.Lacks() || errors.As(warning, &noKeys) && !noKeys.Others
		warn(warning)
	}
	far := (*mosh.FarError)(nil)
	switch {
	case !s.request.WantIP: // the wrapper has another way to find it
	case s.handover.Address != "":
		s.address = s.handover.Address
	case ready.Address == "":
		s.route = mosh.ErrNoAddress
	case ready.Beyond != nil:
		s.route = mosh.CheckPath(ready.Beyond.Server, ready.Beyond.Client)
	}
	if errors.As(s.route, &far) {
		warn(far)
		s.route = nil
	}
}

// print shows a line of the start to the person.
func (s *serverStart) print(line []byte) {
	s.fresh = bytes.HasSuffix(line, []byte("\n"))
	_, _ = os.Stdout.WriteString(showable(line))
}

// endServer ends a server that no client can reach. It would end by itself
// after a minute.
func endServer(connect func() (*control.Client, error), pid string) {
	client, err := connect()
	if err != nil {
		return
	}
	defer client.Close()
	_, _ = client.Start(control.Start{Command: "kill " + pid}, control.Follower{
		Output:  func([]byte) {},
		Settled: func(control.Ready) {},
		Done:    func() bool { return false },
	})
}

// showable keeps a remote's start-up files from more than text: the terminal
// is this machine's.
func showable(line []byte) string {
	said := strings.TrimRight(string(line), "\r\n")
	return text.Escape(said) + string(line[len(said):])
}

// currentTerminal describes the terminal mosh was started on; mosh-server is
// started on one of the same kind.
// Its kind is the one of SetEnv, if there is one, as in ssh.
func currentTerminal(env []sshconfig.EnvVar) *control.Pty {
	pty := &control.Pty{Term: os.Getenv("TERM"), Columns: 80, Rows: 24}
	for _, v := range env {
		if v.Name == "TERM" && len(v.Value) > 0 {
			pty.Term = string(v.Value)
		}
	}
	if columns, rows, err := term.GetSize(int(os.Stdin.Fd())); err == nil && columns > 0 && rows > 0 {
		pty.Columns, pty.Rows = uint32(columns), uint32(rows)
	}
	return pty
}
