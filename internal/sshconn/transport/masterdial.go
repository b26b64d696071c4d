package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/helper"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey"
)

// dialMaster connects as Dial does, but has OpenSSH's ssh speak SSH over the
// connection: it becomes a ControlMaster, whose sessions are used from here
// (PROTOCOL.mux, MUX_C_PROXY). Errors are those of Dial, *MasterError where ssh
// ends for a reason that it alone knows, and *PathError.
func dialMaster(ctx context.Context, cfg *sshconfig.Config, opts sshconn.Options) (*master, error) {
	d := newDialer(cfg, opts, dialsItself(cfg))
	m, err := d.dialMaster(ctx)
	if ctx.Err() != nil {
		if m != nil {
			m.Close()
		}
		return nil, context.Cause(ctx)
	}
	return m, err
}

func (d *dialer) dialMaster(ctx context.Context) (*master, error) {
	d.begin(sshconn.PhaseConnect)
	raw, err := d.connectForSSH(ctx)
	if err != nil {
		return nil, err
	}
	defer d.proxy.Leave()
	d.transport = newTransport(raw)
	defer d.transport.observe(observer{})
	ctx, cancel := context.WithCancel(ctx) // it ends a question about the host key
	defer cancel()
	d.keys = hostkey.New(ctx, d.cfg, d.opts)
	d.keys.LeaveToSSH()
	m, err := d.startMaster(ctx)
	if err != nil {
		d.transport.Close()
		return nil, err
	}
	return m, nil
}

// connectForSSH connects, unless ssh does that itself.
func (d *dialer) connectForSSH(ctx context.Context) (net.Conn, error) {
	if d.itself {
		return &ownConn{}, nil
	}
	return d.connect(ctx)
}

// startMaster starts ssh and waits until it has connected or failed.
func (d *dialer) startMaster(ctx context.Context) (*master, error) {
	m := &master{transport: d.transport, done: make(chan struct{})}
	if err := m.listen(d.opts.Master); err != nil {
		return nil, err
	}
	d.watch = newWatch(d.abort)
	d.watch.start(time.Until(d.deadline), d.limit)
	defer d.watch.stop()
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
	defer d.proxy.Serve(ctx)()
	defer d.silence.end()
	if !d.itself {
		d.begin(sshconn.PhaseBanner)
		d.watchMaster()
		go d.relay(m.passing)
	}
	q := d.questions()
	defer q.Serve(ctx, m.asking)()
	stop := context.AfterFunc(ctx, d.abort)
	defer stop()
	<-process.ready
	if err := m.attach(); err != nil {
		process.letEnd(ctx) // its exit status says more than that of a process that was killed
		m.Close()
		d.opts.Log.Debug().Err(err).Msg("no control socket of ssh")
		return nil, d.explainMaster(ctx, m, q)
	}
	process.stderr.tellAll()
	if d.keys.Pinned() == nil && !d.transport.kerberos() && !d.leftToSSH() { // ssh cannot have connected
		m.Close()
		return nil, errUnseen
	}
	lines, _ := process.stderr.said()
	d.silence.end()
	m.facts = d.masterFacts(q.Typed(), lines)
	return m, nil
}

// questions are those of ssh.
func (d *dialer) questions() *helper.Questions {
	q := &helper.Questions{
		User: d.cfg.User, Host: d.cfg.HostKeyName(), Prompt: d.opts.Prompt, Tell: d.opts.Tell, Verbatim: d.itself,
		Pause: func() (resume func()) { return d.pauseFor(authTimeout) }, Fail: d.abort,
		Before: d.process.stderr.tellUntilNow, HostKey: d.keys.Answer,
	}
	if d.itself { // it would go on with an empty answer
		q.Nobody = &sshconn.AuthError{User: d.cfg.User, Host: d.cfg.HostName, Interactive: true}
	}
	return q
}

// masterFacts is what is known of an ssh that has connected and said these lines.
func (d *dialer) masterFacts(typed bool, lines []string) sshconn.Facts {
	f := sshconn.Facts{
		Identity: acceptedKey(lines), Proxied: d.proxyTook(), Silent: d.silence.slowest(), Remote: d.transport.remote(),
		Typed: typed || d.proxy.Typed(), OpenSSH: d.transport.openSSH(), OneSession: d.transport.oneSession(), Judged: d.cfg,
	}
	d.keys.Fill(&f)
	if d.leftToSSH() || d.keys.Leaves() {
		f.Notes = append(f.Notes, addedNotes(d.cfg, lines)...)
	}
	f.Notes = append(f.Notes, typedNote(d.cfg, f.Typed, "")...)
	return f
}

// startSSH starts the master's ssh.
func (d *dialer) startSSH(ctx context.Context, dir helper.Dir) (*sshProcess, error) {
	agent := ""
	if d.opts.AgentSocket != nil {
		agent = d.opts.AgentSocket()
	}
	words := &sshWords{log: d.opts.Log, speech: newSpeech(d.cfg, d.opts.Tell)}
	env := masterEnv(d.opts.Env.Environ(), dir, agent)
	if d.itself {
		return d.startFronted(ctx, dir, env, words)
	}
	way := passedOn(dir)
	if strict := d.keys.Strict(); strict != d.cfg.StrictHostKeyChecking {
		way = append(way, sshOption{"StrictHostKeyChecking", strict})
	}
	args := masterArgs(d.cfg, dir, way, d.opts.MayAsk(d.cfg), d.opts.Unattended())
	p := newSSHProcess(d.opts.Env.Command(context.Background(), args[0], args[1:]...), append(env, "SSH_ASKPASS_REQUIRE=force"), words)
	return p, p.start()
}

// watchMaster watches the traffic as listen does. What happens within ssh
// cannot be seen: once the server has shown its host key, it is the server's
// turn after ssh has written, and ssh's, or a person's, after the server has.
func (d *dialer) watchMaster() {
	d.transport.observe(observer{
		wrote: func() { d.silence.wake(); d.silence.restart() },
		heard: func() {
			d.silence.begin()
			d.silence.restart()
			if d.transport.secured() {
				d.silence.rest()
			}
		},
		banner: func() { d.begin(sshconn.PhaseKex) },
	})
	if d.proxy == nil {
		d.silence.begin()
	}
}

// explainMaster says why ssh has not connected. It has ended.
func (d *dialer) explainMaster(ctx context.Context, m *master, q *helper.Questions) error {
	if late := d.overdue(); late != nil {
		return late
	}
	phase := d.phase()
	if err := cmp.Or(d.proxy.Refused(), q.Failure()); err != nil {
		return err
	}
	m.process.stderr.logDebug()
	if refused := d.refused.Load(); refused != nil {
		return cmp.Or(hostkey.Refusal(*refused), *refused)
	}
	lines, final := m.process.stderr.said()
	f := sshFailure{cfg: d.cfg, lines: lines, final: final, attended: d.opts.MayAsk(d.cfg), typed: q.Typed(), auth: phase == sshconn.PhaseAuth}
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
	if d.transport.lost() {
		if slices.Contains(lines, saysEntering) { // it was let in, and gone before its socket was reached
			phase = sshconn.PhaseSession
		}
		return d.lost(ctx, phase)
	}
	e := &sshconn.MasterError{Status: m.process.cmd.ProcessState.ExitCode(), Message: f.final, Early: !d.fetched.Load()}
	switch {
	case d.entered.Load():
		e.Message = "ssh is run by " + d.cfg.Front + ", which keeps it from being a ControlMaster"
	case e.Message == "":
		e.Message = fmt.Sprintf("it ended without a word, with exit status %d", e.Status)
	}
	m.process.stderr.tellButLast()
	return e
}

var errNoPlace = errors.New("no place for the sockets of ssh")

// listen makes the master's directory and the sockets in it that are ours.
func (m *master) listen(place sshconn.MasterPlace) error {
	if place.Dir == "" {
		return errNoPlace
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
