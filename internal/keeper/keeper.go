// Package keeper is the background process that holds one SSH connection to
// one destination for as long as mosh sessions to it live: it forwards the
// agent, sets the remote up, has mosh-server started, and reconnects.
//
// A launcher finds or spawns the keeper (Find), has the connection brought up
// and answers its questions (Client.Attach), registers its session (Lease)
// and becomes mosh. The keeper counts sessions by their leases, which are
// kernel locks, and ends within two seconds of the last one.
package keeper

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/mosha-ssh/mosha/internal/guard"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// State is what the connection is doing.
//
//	         attach, or a session lives
//	idle ------------------------------> connecting ----------> up
//	 ^                                    ^   |   |             |
//	 | nobody wants it        time, or an |   |   | refused:    | lost
//	 |                             attach |   |   | key, login  v
//	 +--------- waiting <-----------------+---+   +----> needs-auth
//	               ^   network failure    |                 |
//	               +----------------------+     an attach   v
//	                                                    connecting
//
// A lost connection goes straight to connecting. needs-auth is left only when
// a person attaches: what was refused once is not tried again behind their
// back.
type State string

// The states of a connection.
const (
	Idle       State = "idle"
	Connecting State = "connecting"
	Up         State = "up"
	Waiting    State = "waiting"
	NeedsAuth  State = "needs-auth"
)

// Keeper is the process's one instance. The connection is driven by run alone;
// the control socket's goroutines read its state and wake it.
type Keeper struct {
	spec    Spec
	log     zerolog.Logger
	started time.Time
	leases  *leases
	usage   usage
	wake    chan struct{} // one slot: something changed that run is to look at
	asks    chan ask      // questions for whoever is attached

	mu        sync.Mutex
	change    chan struct{} // closed and replaced with every change below
	state     State
	since     time.Time // when the state began
	conn      *connection
	failures  int    // attempts that failed, counted up only
	failed    error  // how the last of them failed
	attached  int    // clients that need the connection
	askable   int    // those of them that can be asked
	attended  bool   // the attempt under way can ask somebody
	abort     func() // ends the attempt under way
	agentSock string // SSH_AUTH_SOCK of the last launcher
	stopping  bool
}

func newKeeper(spec Spec, log zerolog.Logger) *Keeper {
	k := &Keeper{
		spec: spec, log: log, started: time.Now(),
		wake: make(chan struct{}, 1), asks: make(chan ask),
		change: make(chan struct{}), state: Idle, since: time.Now(),
		abort: func() {}, agentSock: os.Getenv("SSH_AUTH_SOCK"),
	}
	k.leases = newLeases(spec.Dirs.of(spec.ID()).sessions(), k.poke)
	return k
}

// poke has run look again.
func (k *Keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// changeLocked tells everybody who waits that something changed.
func (k *Keeper) changeLocked() {
	close(k.change)
	k.change = make(chan struct{})
}

func (k *Keeper) enter(state State) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.state, k.since = state, time.Now()
	k.changeLocked()
	k.log.Info().Str("state", string(state)).Msg("state")
}

// wanted says whether anybody needs the connection, and stopping whether it
// is to end all the same.
func (k *Keeper) wanted() bool {
	sessions := k.leases.count()
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.stopping && (k.attached > 0 || sessions > 0)
}

// run keeps the connection up while it is wanted. It returns when it was and
// no longer is, when it is told to stop, or when ctx ends.
func (k *Keeper) run(ctx context.Context) {
	defer k.enter(Idle)
	if !k.awaitFirst(ctx) {
		return
	}
	var delays backoff
	for ctx.Err() == nil && k.wanted() {
		conn, err := k.attempt(ctx)
		if errors.Is(err, errAborted) {
			continue
		}
		if err != nil {
			k.pauseAfter(ctx, err, &delays)
			continue
		}
		if k.hold(ctx, conn) {
			delays.reset()
		} else {
			k.pause(ctx, delays.next()) // one that breaks at once is not begun without end
		}
	}
}

// pause waits, for as long as the connection is wanted.
func (k *Keeper) pause(ctx context.Context, delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for ctx.Err() == nil && k.wanted() {
		select {
		case <-ctx.Done():
		case <-k.wake:
		case <-timer.C:
			return
		}
	}
}

// firstCaller is how long a new keeper waits for the launcher that spawned it.
const firstCaller = 5 * time.Second

func (k *Keeper) awaitFirst(ctx context.Context) bool {
	limit := time.NewTimer(firstCaller)
	defer limit.Stop()
	for !k.wanted() {
		select {
		case <-k.wake:
		case <-limit.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// attempt dials once. While somebody is attached it may ask them; else it asks
// nothing, and a launcher that attaches meanwhile has it begun again.
func (k *Keeper) attempt(ctx context.Context) (*sshconn.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	k.mu.Lock()
	k.abort, k.attended = cancel, k.askable > 0
	attended := k.attended
	k.mu.Unlock()
	k.enter(Connecting)
	stop := k.whileWanted(ctx, cancel)
	defer stop()

	options := sshconn.Options{Log: k.log, AgentSocket: k.agentSocket, Family: k.spec.Family}
	if attended {
		options.Ask = k.ask
	}
	conn, err := sshconn.Dial(ctx, k.spec.Config, options)
	if err != nil && ctx.Err() != nil {
		return nil, errAborted
	}
	return conn, err
}

// errAborted ends an attempt that nobody waits for any more, or that is begun
// again because somebody came who can be asked.
var errAborted = errors.New("attempt aborted")

// whileWanted cancels an attempt that nobody waits for any more.
func (k *Keeper) whileWanted(ctx context.Context, cancel func()) (stop func()) {
	ctx, stop = context.WithCancel(ctx)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-k.wake:
				if !k.wanted() {
					cancel()
					return
				}
			}
		}
	}()
	return stop
}

// pauseAfter records a failed attempt and waits for the time of the next one:
// after a while, or when somebody attaches.
func (k *Keeper) pauseAfter(ctx context.Context, failure error, delays *backoff) {
	k.log.Warn().Err(failure).Msg("attempt failed")
	state, delay := Waiting, delays.next()
	if isRefusal(failure) {
		state = NeedsAuth
	}
	k.mu.Lock()
	askable := k.askable
	k.failures++
	k.failed = failure
	k.mu.Unlock()
	k.enter(state)
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for ctx.Err() == nil && k.wanted() {
		select {
		case <-ctx.Done():
		case <-timer.C:
			if state == Waiting {
				return
			}
		case <-k.wake:
			if k.cameSince(&askable) {
				return
			}
		}
	}
}

// cameSince says whether somebody who can be asked came since the last call.
func (k *Keeper) cameSince(before *int) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	came := k.askable > *before
	*before = k.askable
	return came
}

// healthy is how long a connection lasts that proves the network good.
const healthy = 5 * time.Second

// hold serves a connection until it is lost or no longer wanted, and says
// whether it held for long enough to begin the backoff anew.
func (k *Keeper) hold(ctx context.Context, dialed *sshconn.Conn) bool {
	conn := serve(dialed, k.dialAgent, &k.usage, k.log)
	began := time.Now()
	k.mu.Lock()
	k.conn = conn
	k.mu.Unlock()
	k.enter(Up)
	if k.leases.count() > 0 {
		conn.begin(false)
	}
	for ctx.Err() == nil && conn.ctx.Err() == nil && k.wanted() {
		select {
		case <-ctx.Done():
		case <-conn.ctx.Done():
		case <-k.wake:
		}
	}
	k.mu.Lock()
	k.conn = nil
	k.mu.Unlock()
	k.enter(Idle)
	conn.close()
	return time.Since(began) > healthy
}

// agentSocket returns the path of the local agent's socket, as the last
// launcher's environment and the configuration have it now.
func (k *Keeper) agentSocket() string {
	path, _ := k.spec.Config.AgentSocket(func(name string) string {
		k.mu.Lock()
		defer k.mu.Unlock()
		if name == "SSH_AUTH_SOCK" && k.agentSock != "" {
			return k.agentSock
		}
		return os.Getenv(name)
	})
	return path
}

// dialAgent makes a fresh connection to the local agent.
func (k *Keeper) dialAgent(ctx context.Context) (net.Conn, error) {
	path := k.agentSocket()
	if path == "" {
		return nil, errNoAgent
	}
	return (&net.Dialer{}).DialContext(ctx, "unix", path)
}

// usage counts what the forwarded agent was asked for.
type usage struct {
	mu    sync.Mutex
	total guard.Stats
}

func (u *usage) add(s guard.Stats) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.total.Requests += s.Requests
	u.total.Signs += s.Signs
}

func (u *usage) read() guard.Stats {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.total
}
