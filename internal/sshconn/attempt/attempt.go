package attempt

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net"
	"sync"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/dial"
	"github.com/mosha-ssh/mosha/internal/sshconn/proxy"
)

const (
	// defaultTimeout is for an absent ConnectTimeout: for the TCP connect and,
	// where nobody is there, for all up to the host key, unless the server may
	// be silent for longer.
	defaultTimeout = 10 * time.Second
	// proxyTimeout is for an absent ConnectTimeout where a proxy has its own
	// way to go: it may wake a machine, or a person may have to touch a key for
	// a hop.
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

// New returns an attempt that is still to connect. itself reports whether an ssh
// makes the connection itself.
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

// Connect opens the byte stream that SSH is to run over.
func (a *Attempt) Connect(ctx context.Context) error {
	a.Begin(sshconn.PhaseConnect)
	conn, err := a.open(ctx)
	if err != nil {
		return err
	}
	a.Stream = newStream(conn)
	return nil
}

// Use makes the attempt go on over a connection that somebody else makes.
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

func (a *Attempt) open(ctx context.Context) (net.Conn, error) {
	p, conn, err := proxy.Start(ctx, a.Config, &a.Options, proxy.Clocks{
		Deadline: a.deadline,
		Pause:    func() (resume func()) { return a.pauseFor(a.Limit) },
		Fail:     a.Abort,
	})
	a.proxy = p
	if conn != nil || err != nil {
		return conn, a.inTime(err, a.Limit)
	}
	conn, err = a.direct(ctx)
	if err != nil {
		return nil, err
	}
	if a.Options.Local != nil {
		a.Options.Local(conn.LocalAddr())
	}
	return conn, nil
}

// direct connects without a proxy. A limit for the connect says that the keeper
// comes back by itself: then the keeper tries again, not this attempt.
func (a *Attempt) direct(ctx context.Context) (net.Conn, error) {
	if own := a.Options.Limits.Connect; own > 0 {
		return a.once(ctx, min(own, a.Limit))
	}
	return a.insist(ctx)
}

// betweenAttempts is how long ssh rests between ConnectionAttempts.
const betweenAttempts = time.Second

// insist connects as ConnectionAttempts says. Each try has ConnectTimeout for
// itself.
func (a *Attempt) insist(ctx context.Context) (net.Conn, error) {
	for attempt := 1; ; attempt++ {
		conn, err := a.once(ctx, a.Limit)
		unresolved := (*sshconn.ResolveError)(nil)
		if err == nil || attempt >= a.Config.ConnectionAttempts || errors.As(err, &unresolved) {
			return conn, err
		}
		a.Options.Log.Info().Err(err).Int("attempt", attempt).Msg("not connected, trying again")
		select {
		case <-time.After(betweenAttempts):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// once connects once. The time for what comes up to the host key begins when
// there is an address to dial. If a person waits, and there is no ConnectTimeout,
// the server has more time once it is connected.
func (a *Attempt) once(ctx context.Context, limit time.Duration) (net.Conn, error) {
	conn, began, err := dial.TCP(ctx, a.Config, a.Options, limit)
	a.deadline = began.Add(a.Limit)
	if err == nil && a.Config.ConnectTimeout <= 0 && !a.Options.Unattended() {
		a.Limit, a.deadline = authTimeout, time.Now().Add(authTimeout)
	}
	return conn, a.inTime(err, limit)
}

// inTime makes a timeout the error that names the phase and the limit.
func (a *Attempt) inTime(err error, limit time.Duration) error {
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return a.timeout(sshconn.PhaseConnect, limit)
	}
	return err
}

func (a *Attempt) timeout(phase string, limit time.Duration) *sshconn.TimeoutError {
	return &sshconn.TimeoutError{Host: a.Config.HostName, Port: a.Config.Port, Phase: phase, Seconds: int(math.Ceil(limit.Seconds()))}
}
