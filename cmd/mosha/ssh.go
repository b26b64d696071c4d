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

// standInCmd stands in for ssh: mosh runs it as its ssh command. It starts
// mosh-server over the keeper's connection and prints the lines that mosh waits
// for. mosh reads both of its outputs and shows the other lines.
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
	staged  atomic.Bool            // stage has said what the launch waits for
	route   *mosh.PathError        // why UDP cannot get there
	pid     string                 // of the server
	lacks   bool                   // the session goes without something; a warning said so
	fresh   bool                   // at the beginning of a line
	waiting *time.Timer
}

// slowStart is how long the stand-in waits for the server without a word, all
// else being ready. A start-up file that runs another program on the terminal of
// the start holds it up for ever.
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
	if err == nil && relay.Connect == nil && relay.Code == 0 && code == notFound {
		// The login shell found no sh, as a restricted one may not. As mosh has
		// it, it may find the server.
		code, err = s.start(&relay, s.request.Command)
	}
	if s.waiting != nil {
		s.waiting.Stop()
	}
	relay.End()
	s.pid = relay.Pid
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
	case relay.Connect == nil && relay.Broken != nil:
		return explain.BadServer(s.request.Destination, relay.Broken)
	case relay.Connect == nil:
		return explain.NoServer(s.request.Destination, mosh.NamedServer(s.request.Command), cmp.Or(relay.Code, code))
	}
	if err := s.wait(); err != nil {
		return err
	}
	_, err = os.Stdout.Write(relay.Connect)
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
			known := !s.waits() || relay.Pid != ""
			return s.settled.Load() && s.route == nil && relay.Connect != nil && known
		},
	})
}

// waits reports whether somebody reads first what the session goes without:
// mosh-client draws its screen over it.
func (s *serverStart) waits() bool { return s.lacks && s.handover.Read }

// readingTime is how long a session waits for Enter: nobody may be there after
// all, and mosh-server waits for a minute only.
const readingTime = 20 * time.Second

// wait gives a person the time to read. The error is a *tty.SignalError if they
// want no such session.
func (s *serverStart) wait() error {
	if !s.waits() {
		return nil
	}
	// The signal ends mosh too, which a hangup may follow; the server still has
	// to be ended then.
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

// hold takes down what holds the start up, as the keeper says.
func (s *serverStart) hold(kind string) {
	s.held.Store(&kind)
	if s.staged.Load() && s.handover.Read {
		say("%s", explain.Held(kind, s.request.Destination))
	}
}

// settle takes down that the remote is ready, as the keeper says.
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
	switch {
	case !s.request.WantIP: // the wrapper has another way to find it
	case s.handover.Address != "":
		s.address = s.handover.Address
	case ready.Address == "":
		s.route = &mosh.PathError{}
	case ready.Beyond != nil:
		s.route = mosh.CheckPath(ready.Beyond.Server, ready.Beyond.Client)
	}
	if s.route != nil && s.route.Doubtful() {
		warn(s.route)
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

// showable is a line as text alone: a remote's start-up files must not write on
// this machine's terminal.
func showable(line []byte) string {
	said := strings.TrimRight(string(line), "\r\n")
	return text.Escape(said) + string(line[len(said):])
}

// currentTerminal describes the terminal that mosh runs on. mosh-server gets one
// of the same kind. As in ssh, a TERM in SetEnv takes precedence.
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
