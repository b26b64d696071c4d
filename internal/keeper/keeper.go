// Package keeper is the background process that holds one SSH connection to
// one destination for as long as mosh sessions to it live: it forwards the
// agent, sets the remote up, has mosh-server started, and reconnects.
//
// A launcher finds or spawns the keeper, has the connection brought up and
// answers its questions, registers its session and becomes mosh (package
// control). The keeper counts sessions by their leases, which are
// kernel locks, and ends within two seconds of the last one.
//
// keeper.go has the state and the main loop, reconnect.go the attempts to
// connect, connected.go the time that a connection lasts, serve.go what clients
// may have done, agents.go the agents that are forwarded. Its state (control.State) goes like this:
//
//	         attach, or a session lives
//	idle ------------------------------> connecting -------------> up
//	 ^                                    ^   |   |               ^  |
//	 | nobody wants it        time, event |   |   | refused:  it  |  | no answer,
//	 |                        or attach   |   |   | key,   answers|  | or ended
//	 +--------- waiting <-----------------+---+   | login         |  v
//	                                              v              lost
//	                     an attach <-- needs-auth                 |
//	                                          ^                   | (dials beside it)
//	                                          +-------------------+--> up
package keeper

import (
	"context"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/lease"
	"github.com/mosha-ssh/mosha/internal/keeper/remote"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// Keeper is the process's one instance. The connection is driven by run alone;
// all others read its state, change what run goes by, and wait for changes.
type Keeper struct {
	spec    saved
	log     zerolog.Logger
	started time.Time
	leases  *lease.Set
	agents  *agents
	asks    chan ask      // questions for whoever is attached
	uses    chan struct{} // one slot; somebody uses the keeper
	claims  *link.Claims

	mu     sync.Mutex
	change chan struct{} // closed and replaced with every change below

	state      control.State
	since      time.Time // when the state began
	lostAt     time.Time // when the connection was lost; zero while it is up
	retryAt    time.Time // of the next attempt, in Waiting
	conn       *remote.Connection
	ups        int           // connections so far
	roundTrip  time.Duration // as last measured, 0: not yet
	address    netip.Addr    // where the last connection went to
	learned    learned
	identity   string        // the key that was let in last
	alarm      error         // another host key was shown in the middle of a connection
	accepted   ssh.PublicKey // the host key that a person accepted, which the files need not have
	choice     sshconn.Choice
	oneSession bool // the server allows one on a connection, so none can be held for the link

	failures int            // attempts that failed, counted up only
	failed   error          // how the last of them failed
	epoch    int            // network events and wakes, counted up only
	dialing  string         // the phase of the attempt under way, or of the connection
	dialed   netip.AddrPort // what that has dialed last

	attached  int  // clients that need the connection
	askable   int  // those of them that can be asked
	arrivals  int  // of such, counted up only
	kept      bool // by mosha keep, until stopped
	linger    time.Duration
	lingering time.Time // until when the keeper stays after its last session
	stopping  bool

	saving  sync.Mutex // the newest state is saved last
	dropped bool       // nobody is to take this one's place
}

func newKeeper(spec saved, log zerolog.Logger) *Keeper {
	spec.Boot = bootID()
	k := &Keeper{
		spec: spec, log: log, started: time.Now(), asks: make(chan ask),
		uses: make(chan struct{}, 1), change: make(chan struct{}), state: control.Idle, since: time.Now(),
		kept: spec.Kept, linger: spec.Linger, choice: spec.Choice,
	}
	k.agents = newAgents(k.config, spec.Agents, log)
	k.claims = link.NewClaims(spec.Actor, k.saveOrLog)
	k.leases = lease.NewSet(spec.Dirs.Of(spec.ID()).Sessions(), k.sessionsChanged)
	if rest := min(time.Until(spec.Lingering), k.linger); rest > 0 { // the clock may have been set
		k.lingerLocked(rest)
	}
	return k
}

// sessionsChanged is called when a session came or ended. After the last one
// the keeper stays for as long as the user wants it to linger.
func (k *Keeper) sessionsChanged() {
	lingers := false
	k.update(func() {
		lingers = k.linger > 0 && k.leases.Count() == 0
		if lingers {
			k.lingerLocked(k.linger)
		}
	})
	if lingers {
		k.saveOrLog()
	}
}

func (k *Keeper) lingerLocked(rest time.Duration) {
	k.lingering = time.Now().Add(rest)
	time.AfterFunc(rest, func() { k.update(func() {}) })
}

// update changes the keeper's state and tells everybody who waits.
func (k *Keeper) update(what func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	what()
	close(k.change)
	k.change = make(chan struct{})
}

// until waits until cond, which is called with the lock held, is true. It
// returns false when ctx or the time limit, if there is one, ends the wait.
func (k *Keeper) until(ctx context.Context, limit time.Duration, cond func() bool) bool {
	var expired <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		expired = timer.C
	}
	for {
		k.mu.Lock()
		met, change := cond(), k.change
		k.mu.Unlock()
		if met {
			return true
		}
		select {
		case <-change:
		case <-expired:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

func (k *Keeper) enter(state control.State) {
	k.update(func() { k.enterLocked(state) })
}

func (k *Keeper) enterLocked(state control.State) {
	if k.state == state {
		return
	}
	k.state, k.since = state, time.Now()
	k.log.Info().Str("state", string(state)).Msg("state")
}

// wantedLocked says whether anybody needs the connection.
func (k *Keeper) wantedLocked() bool {
	return (k.attached > 0 || k.needsLinkLocked()) && !k.stopping
}

func (k *Keeper) wanted() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.wantedLocked()
}

// firstCaller is how long a new keeper waits for the launcher that spawned it.
const firstCaller = 5 * time.Second

// run keeps the connection up while it is wanted. It returns when it was and
// no longer is, when it is told to stop, or when ctx ends.
func (k *Keeper) run(ctx context.Context) {
	defer k.enter(control.Idle)
	if !k.until(ctx, firstCaller, k.wantedLocked) {
		return
	}
	var pace backoff
	for {
		conn, err := k.establish(ctx, false)
		began := time.Now()
		for err == nil && conn != nil {
			began = time.Now()
			conn = k.keep(ctx, conn)
		}
		if err != nil || ctx.Err() != nil || !k.wanted() {
			return
		}
		k.settle(ctx, began, &pace)
	}
}

// dir is where the keeper has its files.
func (k *Keeper) dir() rundir.Dir { return k.spec.Dirs.Of(k.config().ID()) }

// save writes down what a keeper needs that takes this one's place.
func (k *Keeper) save() error {
	k.saving.Lock()
	defer k.saving.Unlock()
	if k.dropped {
		return nil
	}
	k.mu.Lock()
	k.spec.Kept, k.spec.Linger, k.spec.Lingering = k.kept, k.linger, k.lingering
	k.spec.Agents, k.spec.Actor, k.spec.Choice = k.agents.known(), k.claims.Ours(), k.choice
	spec := k.spec
	k.mu.Unlock()
	return spec.save(spec.Dirs.Of(spec.ID()).Spec())
}

// dropSpec removes what was saved, for good: nobody takes the place of a keeper
// that was stopped, or that nobody needs.
func (k *Keeper) dropSpec() {
	k.saving.Lock()
	defer k.saving.Unlock()
	k.dropped = true
	_ = os.Remove(k.dir().Spec())
}

// saveOrLog saves the spec; that it could not be is no reason to refuse a
// launch.
func (k *Keeper) saveOrLog() {
	if err := k.save(); err != nil {
		k.log.Warn().Err(err).Msg("spec not saved")
	}
}

func (k *Keeper) isKept() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.kept
}

// needsLink says whether the agent is to be on the remote, whoever attends: who
// only looks has no need of it. Where it cannot be, the connection is there for
// the start of a session, and no other after it.
func (k *Keeper) needsLink() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.needsLinkLocked()
}

func (k *Keeper) needsLinkLocked() bool {
	if k.oneSession && k.conn == nil {
		return false
	}
	return k.kept || k.leases.Count() > 0 || time.Now().Before(k.lingering)
}

// disturb says that the network changed, or that the machine slept.
func (k *Keeper) disturb() { k.update(func() { k.epoch++ }) }
