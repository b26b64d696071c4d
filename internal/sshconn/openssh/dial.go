package openssh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/attempt"
	"github.com/mosha-ssh/mosha/internal/sshconn/helper"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey"
)

// Dial connects to the destination and has OpenSSH's ssh speak SSH over the
// connection: it becomes a ControlMaster, whose sessions are used from here
// (PROTOCOL.mux, MUX_C_PROXY). When ctx ends, Dial returns ctx's cause at once.
// Other errors are those of package native, *sshconn.MasterError where ssh ends
// for a reason that it alone knows, and *sshconn.PathError.
func Dial(ctx context.Context, cfg *sshconfig.Config, opts sshconn.Options) (sshconn.Connection, error) {
	itself := dialsItself(cfg)
	d := &dialer{Attempt: attempt.New(cfg, opts, itself), itself: itself}
	m, err := d.dial(ctx)
	switch {
	case err == nil && ctx.Err() == nil:
		return m, nil
	case err == nil:
		m.Close()
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return nil, err
}

// dialer is the state of one Dial.
type dialer struct {
	*attempt.Attempt
	itself  bool // ssh makes the connection, see front.go
	keys    *hostkey.Verifier
	process *process
	told    string // the file in which ssh is told of a host key

	fetched atomic.Bool           // ssh has come for the connection
	left    atomic.Bool           // only ssh can judge the host key, see judge
	entered atomic.Bool           // an ssh that makes its connection itself has logged in
	refused atomic.Pointer[error] // why the server's host key did not get to ssh
}

func (d *dialer) dial(ctx context.Context) (*master, error) {
	if err := d.connect(ctx); err != nil {
		return nil, err
	}
	defer d.Leave()
	ctx, cancel := context.WithCancel(ctx) // it ends a question about the host key
	defer cancel()
	d.keys = hostkey.New(ctx, d.Config, d.Options)
	d.keys.LeaveToSSH()
	m, err := d.start(ctx)
	if err != nil {
		d.Stream.Close()
		return nil, err
	}
	return m, nil
}

// connect connects, unless ssh does that by itself.
func (d *dialer) connect(ctx context.Context) error {
	if !d.itself {
		return d.Connect(ctx)
	}
	d.Begin(sshconn.PhaseConnect)
	d.Use(&ownConn{})
	return nil
}

// start starts ssh and waits until it has connected or failed.
func (d *dialer) start(ctx context.Context) (*master, error) {
	m := &master{stream: d.Stream, done: make(chan struct{})}
	if err := m.listen(d.Options.Master); err != nil {
		return nil, err
	}
	defer d.Handshake(ctx)()
	process, err := d.startSSH(ctx, m.dir)
	if refused := (*sshconn.HostKeyError)(nil); errors.As(err, &refused) {
		m.Close()
		return nil, refused
	}
	if err != nil {
		m.Close()
		return nil, &sshconn.MasterError{Status: -1, Message: err.Error(), Early: true}
	}
	m.process, d.process = process, process
	d.OnAbort(process.end)
	if !d.itself {
		d.listen()
		go d.relay(m.passing)
	}
	q := d.questions()
	defer q.Serve(ctx, m.asking)()
	<-process.ready
	if err := m.attach(); err != nil {
		if !d.entered.Load() { // else it lives on, without its control socket
			process.letEnd(ctx) // its exit status says more than that of a process that was killed
		}
		m.Close()
		d.Options.Log.Debug().Err(err).Msg("no control socket of ssh")
		return nil, d.explain(ctx, m, q)
	}
	process.stderr.tellAll()
	if d.keys.Pinned() == nil && !d.Stream.Seen().Kerberos && !d.leftToSSH() { // ssh cannot have connected
		m.Close()
		return nil, errUnseen
	}
	lines, _ := process.stderr.said()
	m.facts = d.facts(q.Typed(), lines)
	return m, nil
}

// questions are those of ssh.
func (d *dialer) questions() *helper.Questions {
	q := &helper.Questions{
		User: d.Config.User, Host: d.Config.HostKeyName(), Prompt: d.Options.Prompt, Tell: d.Options.Tell, Verbatim: d.itself,
		Pause: d.PauseSSH, Fail: d.Abort,
		Before: d.process.stderr.tellUntilNow, HostKey: d.keys.Answer,
	}
	if d.itself { // it would go on with an empty answer
		q.Nobody = &sshconn.AuthError{User: d.Config.User, Host: d.Config.HostName, Interactive: true}
	}
	return q
}

// facts are those of an ssh that has connected and said these lines.
func (d *dialer) facts(typed bool, lines []string) sshconn.Facts {
	f := d.Done()
	f.Identity, f.Typed = acceptedKey(lines), f.Typed || typed
	d.keys.Fill(&f)
	f.BySSH = f.BySSH && !tookAsNew(lines)
	if d.leftToSSH() || d.keys.Left() {
		f.Notes = append(f.Notes, addedNotes(d.Config, lines)...)
	}
	f.Notes = append(f.Notes, sshconn.TypedNotes(d.Config, f.Typed, "")...)
	f.Choice = d.Options.Choice
	return f
}

// startSSH starts the master's ssh.
func (d *dialer) startSSH(ctx context.Context, dir helper.Dir) (*process, error) {
	agent := ""
	if d.Options.AgentSocket != nil {
		agent = d.Options.AgentSocket()
	}
	words := &stderr{log: d.Options.Log, speech: newSpeech(d.Config, d.Options.Tell)}
	env := environ(d.Options.Env.Environ(), dir, agent)
	if d.itself {
		return d.startFronted(ctx, dir, env, words)
	}
	d.told = dir.Known()
	way := slices.Concat(passedOn(dir), d.knownBy())
	args := arguments(d.Config, dir, way, d.Options.MayAsk(d.Config), d.Options.Unattended())
	p := newProcess(d.Options.Env.Command(context.Background(), args[0], args[1:]...), append(env, "SSH_ASKPASS_REQUIRE=force"), words)
	return p, p.start()
}

// knownBy are the options by which ssh judges the host key after we have. Behind the
// relay it does not know that the server is on this machine: then it looks nowhere
// but where it is told of the key.
func (d *dialer) knownBy() []option {
	global := append(slices.Clone(d.Config.GlobalKnownHostsFiles), d.told)
	var options []option
	if d.keys.Unchecked(d.Stream.Remote()) {
		global = []string{d.told}
		options = []option{{"UserKnownHostsFile", "/dev/null"}, {"UpdateHostKeys", "no"}}
		if d.Config.KnownHostsCommand != "" && d.Config.HostKeyAlgorithmsFixed { // else it is run for their order
			options = append(options, option{"KnownHostsCommand", "none"})
		}
	}
	if strict := d.keys.Strict(); strict != d.Config.StrictHostKeyChecking {
		options = append(options, option{"StrictHostKeyChecking", strict})
	}
	return append(options, option{"GlobalKnownHostsFile", fileList(global)})
}

// listen watches the traffic. Nobody here sees what happens within ssh. So, once
// the server has shown its host key, it is the server's turn after ssh has
// written, and ssh's, or a person's, after the server has.
func (d *dialer) listen() {
	d.Listen(attempt.Traffic{
		Wrote: d.Wake,
		Heard: func() {
			if d.Stream.Seen().Secured {
				d.Rest()
			}
		},
	})
}

// explain says why ssh has not connected. It has ended.
func (d *dialer) explain(ctx context.Context, m *master, q *helper.Questions) error {
	if late := d.Overdue(); late != nil {
		return late
	}
	phase := d.Phase()
	if err := cmp.Or(d.Refused(), q.Failure()); err != nil {
		return err
	}
	m.process.stderr.logDebug()
	if refused := d.refused.Load(); refused != nil {
		return cmp.Or(hostkey.Refusal(*refused), *refused)
	}
	lines, final := m.process.stderr.said()
	f := failure{cfg: d.Config, lines: lines, final: final, attended: d.Options.MayAsk(d.Config), typed: q.Typed(), auth: phase == sshconn.PhaseAuth}
	switch {
	case final == saysKeyFailed && d.leftToSSH():
		return f.unseenKeyError()
	case final == saysKeyFailed && d.keys.Pinned() == nil:
		return errUnseen
	case final == saysKeyFailed:
		return d.keys.RefusedBySSH(revokedWords(lines))
	}
	if err := f.explain(); err != nil {
		return err
	}
	if d.Stream.IsLost() {
		if slices.Contains(lines, saysEntering) { // it was let in, and gone before its socket was reached
			phase = sshconn.PhaseSession
		}
		return d.Lost(ctx, phase)
	}
	e := &sshconn.MasterError{Status: m.process.cmd.ProcessState.ExitCode(), Message: f.final, Early: !d.fetched.Load()}
	switch {
	case d.entered.Load():
		e.Message = "ssh is run by " + d.Config.Front + ", which keeps it from being a ControlMaster"
	case e.Message == "":
		e.Message = fmt.Sprintf("it ended without a word, with exit status %d", e.Status)
	}
	m.process.stderr.tellButLast()
	return e
}

// ErrNoPlace says that Options.Master names no place.
var ErrNoPlace = errors.New("no place for the sockets of ssh")

// listen makes the master's directory and our sockets in it.
func (m *master) listen(place sshconn.MasterPlace) error {
	if place.Dir == "" {
		return ErrNoPlace
	}
	dir, err := helper.NewDir(place.Dir, place.Program)
	if err != nil {
		return err
	}
	m.dir = dir
	for _, socket := range []struct {
		listener **net.UnixListener
		path     string
	}{{&m.passing, dir.Pass()}, {&m.asking, dir.Ask()}, {&m.agents, dir.Agent()}} {
		if *socket.listener, err = dir.Listen(socket.path); err != nil {
			m.Close()
			return err
		}
	}
	return nil
}
