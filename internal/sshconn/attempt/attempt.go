package attempt

import (
	"cmp"
	"context"
	"net"
	"sync"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/proxy"
)

const (
	// defaultTimeout is for an absent ConnectTimeout: for the TCP connect and,
	// where nobody is there, for all up to the host key, unless the server may
	// be silent for longer.
	defaultTimeout = 10 * time.Second
	// proxyTimeout is for an absent ConnectTimeout where a proxy has its own way
	// to go: it may wake a machine, or a person may have to touch a key for a hop.
	proxyTimeout = time.Minute
	// authTimeout bounds authentication, in which a person may have to touch a
	// key or confirm at the agent. It is sshd's default LoginGraceTime. It is
	// also how long a person waits for a server that is slow to say anything,
	// since ssh has no limit there.
	authTimeout = 2 * time.Minute
)

// Attempt is one try to open a connection: its phase, its clocks and limits, and
// the stream that SSH is spoken over. A transport does the rest.
//
//	Connect --> Handshake --the version line--> --the host key--> Done
//
// Two clocks run. watch has a limit for all up to the host key, and another for
// the login; silence has one for each time that it is the server's turn. Both
// rest while a person is asked. When either ends, Abort does.
type Attempt struct {
	Config  *sshconfig.Config
	Options sshconn.Options // a question by them lets be shown first what a proxy says
	Stream  *Stream         // once connected
	Limit   time.Duration   // of everything up to the host key

	itself   bool      // ssh makes the connection
	deadline time.Time // when Limit ends
	began    time.Time
	proxy    *proxy.Process // nil for TCP, and where it has handed over the connection
	watch    *watch
	silence  *silence

	mu      sync.Mutex
	phase   string        // the last one begun
	waited  time.Duration // how long questions of programs were open
	reached time.Duration // how long the server took for its version line, without that
	aborted bool
	closers []func()
}

// New returns an attempt that is still to connect. itself says that an ssh makes
// the connection itself.
func New(cfg *sshconfig.Config, opts sshconn.Options, itself bool) *Attempt {
	opts.Tell = oneByOne(opts.Tell)
	a := &Attempt{Config: cfg, Options: opts, itself: itself, Limit: cfg.ConnectTimeout, began: time.Now()}
	if a.Limit <= 0 || itself { // ssh itself has ConnectTimeout then
		a.Limit = max(a.Limit, a.patience())
	}
	a.deadline = a.began.Add(a.Limit)
	a.watch = newWatch(a.Abort)
	a.silence = newSilence(opts.Limits.Silence, a.Abort)
	return a
}

// patience is what stands for an absent ConnectTimeout.
func (a *Attempt) patience() time.Duration {
	if !a.proxied() {
		return max(defaultTimeout, a.Options.Limits.Silence)
	}
	return cmp.Or(a.Options.Limits.Proxy, proxyTimeout)
}

// proxied reports whether a proxy leads to the server, or may: what ssh is run by
// may have one.
func (a *Attempt) proxied() bool { return a.Config.HasProxy() || a.itself }

// Use has the attempt go on over a connection that somebody else makes.
func (a *Attempt) Use(conn net.Conn) { a.Stream = newStream(conn) }

// Begin reports a phase.
func (a *Attempt) Begin(phase string) {
	a.mu.Lock()
	a.phase = phase
	if phase == sshconn.PhaseKex {
		a.reached = time.Since(a.began) - a.waited
	}
	a.mu.Unlock()
	if a.Options.Progress != nil {
		a.Options.Progress(phase)
	}
}

// Phase is how far the attempt has come. Once there is a stream, connecting is
// over.
func (a *Attempt) Phase() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.phase == sshconn.PhaseConnect {
		return sshconn.PhaseBanner
	}
	return a.phase
}

// Handshake starts the time for what comes up to the host key, and answers the
// hops of a proxy. The attempt is aborted when ctx ends. All that is over when end
// is called.
func (a *Attempt) Handshake(ctx context.Context) (end func()) {
	stop := context.AfterFunc(ctx, a.Abort)
	a.watch.start(time.Until(a.deadline), a.Limit)
	endHops := a.proxy.Serve(ctx)
	return func() {
		a.Stream.observe(observer{})
		a.silence.end()
		endHops()
		a.watch.stop()
		stop()
	}
}

// Traffic is what a transport is told of the stream. Fields may be nil.
type Traffic struct {
	Wrote func() // something is about to be written
	Heard func() // bytes came
	Lost  func() // the other side ended the connection
}

// Listen watches the traffic for silence and for the version line.
func (a *Attempt) Listen(t Traffic) {
	a.Begin(sshconn.PhaseBanner)
	a.Stream.observe(observer{
		wrote: func() {
			if t.Wrote != nil {
				t.Wrote()
			}
			a.silence.restart()
		},
		heard: func() {
			a.silence.begin()
			a.silence.restart()
			if t.Heard != nil {
				t.Heard()
			}
		},
		banner: func() { a.Begin(sshconn.PhaseKex) },
		lost:   t.Lost,
	})
	if a.proxy == nil {
		a.silence.begin()
	}
}

// Judge has the server's host key checked, while no clock runs, since a person
// may be asked. If it is accepted, the login begins.
func (a *Attempt) Judge(check func() error) error {
	a.watch.stop()
	a.silence.rest()
	if err := check(); err != nil {
		return err
	}
	a.BeginAuth()
	a.silence.wake()
	return nil
}

// BeginAuth says that the login begins, for which there is another limit.
func (a *Attempt) BeginAuth() {
	a.Begin(sshconn.PhaseAuth)
	a.watch.start(authTimeout, authTimeout)
}

// Pause stops all clocks while a person is asked, until resume is called.
func (a *Attempt) Pause() (resume func()) {
	a.watch.stop()
	a.silence.rest()
	return func() {
		a.watch.start(authTimeout, authTimeout)
		a.silence.wake()
	}
}

// PauseSSH stops the time for the login while ssh asks a person, until resume is
// called.
func (a *Attempt) PauseSSH() (resume func()) { return a.pauseFor(authTimeout) }

// pauseFor stops the time for what a person is asked by a program, until resume
// is called. The other side then has the limit again.
func (a *Attempt) pauseFor(limit time.Duration) (resume func()) {
	a.watch.stop()
	began := time.Now()
	return func() {
		a.mu.Lock()
		a.waited += time.Since(began)
		a.mu.Unlock()
		a.watch.start(limit, limit)
	}
}

// Rest says that it is not the server's turn, until Wake is called.
func (a *Attempt) Rest() { a.silence.rest() }

// Wake ends Rest.
func (a *Attempt) Wake() { a.silence.wake() }

// Within runs f, which asks the server something, within the limit for what comes
// up to the host key. The error is a *sshconn.TimeoutError.
func (a *Attempt) Within(f func()) error {
	a.watch.start(a.Limit, a.Limit)
	f()
	a.watch.stop()
	return a.Overdue()
}

// Done ends the clocks, since the server has let us in, and returns what is known
// of the connection so far.
func (a *Attempt) Done() sshconn.Facts {
	a.watch.stop()
	a.silence.end()
	seen := a.Stream.Seen()
	f := sshconn.Facts{
		Remote: a.Stream.Remote(), OpenSSH: seen.openSSH, OneSession: seen.oneSession,
		Typed: a.proxy.Typed(), Silent: a.silence.slowest(), Judged: a.Config,
	}
	if a.proxied() {
		a.mu.Lock()
		defer a.mu.Unlock()
		f.Proxied = a.reached
	}
	return f
}

// OnAbort has something closed when the attempt is aborted, or at once if it was.
func (a *Attempt) OnAbort(close func()) {
	a.mu.Lock()
	aborted := a.aborted
	a.closers = append(a.closers, close)
	a.mu.Unlock()
	if aborted {
		close()
	}
}

// Abort frees whatever waits for the server, or for what OnAbort has closed.
func (a *Attempt) Abort() {
	a.mu.Lock()
	a.aborted = true
	closers := a.closers
	a.mu.Unlock()
	a.Stream.Close()
	for _, close := range closers {
		close()
	}
}

// Leave ends, with the attempt, what a proxy has of it.
func (a *Attempt) Leave() { a.proxy.Leave() }

// oneByOne has tell called by one goroutine at a time.
func oneByOne(tell func(sshconn.Notice)) func(sshconn.Notice) {
	if tell == nil {
		return nil
	}
	var one sync.Mutex
	return func(n sshconn.Notice) {
		one.Lock()
		defer one.Unlock()
		tell(n)
	}
}
