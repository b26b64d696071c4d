// Package keeper is the background process that holds one SSH connection to
// one destination for as long as mosh sessions to it live: it forwards the
// agent, sets the remote up, has mosh-server started, and reconnects.
//
// A launcher finds or spawns the keeper, has the connection brought up and
// answers its questions, registers its session and becomes mosh (package
// control). The keeper counts sessions by their leases, which are kernel locks,
// and ends within two seconds of the last one (wantedLocked).
//
// keeper.go has the state, reconnect.go the main loop, attempt.go one attempt to
// connect, connected.go the time that a connection lasts. serve.go answers
// clients: attach.go a launcher, start.go mosh's stand-in, setup.go and shell.go
// who wants something done on the remote. agents.go has the agents that are
// forwarded. The keeper's state (control.State) goes like this:
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
	"net/netip"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/lease"
	"github.com/mosha-ssh/mosha/internal/keeper/memory"
	"github.com/mosha-ssh/mosha/internal/keeper/pace"
	"github.com/mosha-ssh/mosha/internal/keeper/remote"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/tunnel"
)

// Keeper is the process's one instance. The connection is driven by reconnecting
// alone; all others read its state, change what that goes by, and wait for
// changes.
type Keeper struct {
	log       zerolog.Logger
	dir       rundir.Dir // where it has its files
	store     store
	leases    *lease.Set
	agents    *agents
	questions questions
	uses      memory.Uses
	claims    *link.Claims
	tunnels   *tunnel.Set

	news // guards what follows

	spec     saved
	env      child.Env // of the newest launch
	state    control.State
	since    time.Time // when the state began
	lostAt   time.Time // when the connection was lost; zero while it is up
	retryAt  time.Time // of the next attempt, in Waiting
	conn     *remote.Connection
	ups      int // connections so far
	epoch    int // network events and wakes, counted up only
	tries    tries
	known    known
	clients  clients
	lifetime lifetime
}

// tries are the attempts to connect.
type tries struct {
	failures int            // counted up only
	failed   error          // how the last of them failed
	dialing  string         // the phase of the one under way, or of the connection
	dialed   netip.AddrPort // what that has dialed last
}

// fail lets all that wait for the connection hear why there is none.
func (t *tries) fail(why error) {
	t.failures++
	t.failed = why
}

// known is what the connections so far have shown of the server and the way to
// it.
type known struct {
	roundTrip  time.Duration // as last measured, 0: not yet
	address    netip.Addr    // where the last connection went to
	learned    pace.Learned
	identity   string        // the key that was let in last
	accepted   ssh.PublicKey // the host key that a person accepted, which the files need not have
	alarm      error         // another host key was shown in the middle of a connection
	choice     sshconn.Choice
	oneSession bool // the server allows one on a connection, so none can be held for the link
}

// clients counts those of the control socket.
type clients struct {
	attached int // that need the connection
	askable  int // those of them that can be asked
	arrivals int // of such, counted up only
}

// lifetime is how long the keeper stays without a session.
type lifetime struct {
	kept      bool // by mosha keep, until stopped
	linger    time.Duration
	lingering time.Time // until when the keeper stays after its last session
	stopping  bool
}

func newKeeper(spec saved, log zerolog.Logger) *Keeper {
	spec.Boot = bootID()
	dir := spec.Dirs.Of(spec.ID())
	k := &Keeper{
		log: log, dir: dir, store: store{path: dir.Spec()}, uses: memory.NewUses(),
		news: news{change: make(chan struct{})}, spec: spec, state: control.Idle, since: time.Now(),
		known: known{choice: spec.Choice}, lifetime: lifetime{kept: spec.Kept, linger: spec.Linger},
	}
	k.questions = questions{asks: make(chan ask), others: k.canAsk}
	k.agents = newAgents(spec.Config, spec.Agents, log)
	k.claims = link.NewClaims(spec.Actor, k.saveOrLog)
	k.tunnels = tunnel.NewSet(log)
	k.tunnels.Unlink, k.tunnels.Used, k.tunnels.Listened = k.unlink, k.carries, k.saveOrLog
	k.leases = lease.NewSet(dir.Sessions(), k.sessionsChanged)
	if rest := min(time.Until(spec.Lingering), spec.Linger); rest > 0 { // the clock may have been set
		k.lingerLocked(rest)
	}
	return k
}

// sessionsChanged is called when a session came or ended. After the last one
// the keeper stays for as long as the user wants it to linger.
func (k *Keeper) sessionsChanged() {
	lingers := false
	k.update(func() {
		lingers = k.lifetime.linger > 0 && k.leases.Count() == 0
		if lingers {
			k.lingerLocked(k.lifetime.linger)
		}
	})
	if lingers {
		k.saveOrLog()
	}
}

func (k *Keeper) lingerLocked(rest time.Duration) {
	k.lifetime.lingering = time.Now().Add(rest)
	time.AfterFunc(rest, func() { k.update(func() {}) })
}

func (k *Keeper) enter(state control.State) {
	k.update(func() { k.enterLocked(state) })
}

func (k *Keeper) enterLocked(state control.State) {
	if k.state == state {
		return
	}
	k.state, k.since = state, time.Now()
	k.forwardLocked()
	k.log.Info().Str("state", string(state)).Msg("state")
}

// config returns what is configured for the destination: what the newest launch
// found. It is replaced, never changed.
func (k *Keeper) config() *sshconfig.Config {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.spec.Config
}

// wantedLocked reports whether anybody needs the connection.
func (k *Keeper) wantedLocked() bool {
	return (k.clients.attached > 0 || k.needsLinkLocked()) && !k.lifetime.stopping
}

func (k *Keeper) wanted() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.wantedLocked()
}

// toSave returns what a keeper needs that takes this one's place.
func (k *Keeper) toSave() saved {
	k.mu.Lock()
	defer k.mu.Unlock()
	spec := k.spec
	spec.Kept, spec.Linger, spec.Lingering = k.lifetime.kept, k.lifetime.linger, k.lifetime.lingering
	spec.Agents, spec.Actor, spec.Choice = k.agents.known(), k.claims.Ours(), k.known.choice
	spec.Tunnels = k.tunnels.Requests()
	return spec
}

// saveOrLog saves the spec; a failure is no reason to refuse a launch.
func (k *Keeper) saveOrLog() {
	if err := k.store.save(k.toSave); err != nil {
		k.log.Warn().Err(err).Msg("spec not saved")
	}
}

func (k *Keeper) isKept() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lifetime.kept
}

// needsLink reports whether the remote link must exist. Clients that only look do
// not count. Where no link can be, the connection is there for the start of a
// session, and no other after it.
func (k *Keeper) needsLink() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.needsLinkLocked()
}

func (k *Keeper) needsLinkLocked() bool {
	if k.known.oneSession && k.conn == nil {
		return false
	}
	return k.lifetime.kept || k.leases.Count() > 0 || time.Now().Before(k.lifetime.lingering)
}

// events returns how many network events and wakes there were.
func (k *Keeper) events() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.epoch
}

// disturb notes that the network changed, or that the machine slept.
func (k *Keeper) disturb() { k.update(func() { k.epoch++ }) }
