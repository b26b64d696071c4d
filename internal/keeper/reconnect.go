package keeper

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/pace"
	"github.com/mosha-ssh/mosha/internal/keeper/remote"
	"github.com/mosha-ssh/mosha/internal/secret"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/transport"
)

var (
	// errUnwanted ends the attempts when nobody needs the connection.
	errUnwanted = errors.New("the connection is not needed")
	// errAborted ends an attempt that is begun again at once: the network
	// changed, or somebody came who can be asked.
	errAborted = errors.New("attempt aborted")
)

// reconnecting drives the connection: one goroutine, in run, makes the attempts
// and serves what they bring, in the states that the package is described by.
type reconnecting struct{ *Keeper }

// firstCaller is how long a new keeper waits for the launcher that spawned it.
const firstCaller = 5 * time.Second

// run keeps the connection up while it is wanted. It returns when it was and
// no longer is, when it is told to stop, or when ctx ends.
func (r reconnecting) run(ctx context.Context) {
	defer r.enter(control.Idle)
	if !r.until(ctx, firstCaller, r.wantedLocked) {
		return
	}
	var backoff pace.Backoff
	for {
		conn, err := r.establish(ctx, false)
		began := time.Now()
		for err == nil && conn != nil {
			began = time.Now()
			conn = r.keep(ctx, conn)
		}
		if err != nil || ctx.Err() != nil || !r.wanted() {
			return
		}
		r.settle(ctx, began, &backoff)
	}
}

// establish makes attempts, one at a time, until one succeeds. beside is
// set if there is a connection in doubt: one that has only logged in is no better
// than that, and has to answer first. It returns errUnwanted when nobody needs the
// connection any more, or ctx's error.
func (r reconnecting) establish(ctx context.Context, beside bool) (*remote.Connection, error) {
	var backoff pace.Backoff
	for {
		began := time.Now()
		a := r.newAttempt(&backoff)
		conn, err := a.run(ctx, beside)
		switch {
		case err == nil:
			return conn, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !r.wanted():
			return nil, errUnwanted
		case errors.Is(err, errAborted), errors.Is(err, errLeft):
			backoff.Restart(time.Now())
			continue
		}
		if err := r.pause(ctx, a, err, time.Until(began.Add(backoff.Next(began))), &backoff); err != nil {
			return nil, err
		}
	}
}

// attempt is one try to connect. While somebody is attached it may ask them,
// and takes the time that the user's configuration gives it; else it asks
// nothing and is short.
type attempt struct {
	r        reconnecting
	attended bool
	epoch    int // network events before it began
	began    time.Time
	config   *sshconfig.Config
	options  sshconn.Options
	local    net.Addr // where it comes from, the keeper's lock's; nil: not known
}

func (r reconnecting) newAttempt(backoff *pace.Backoff) *attempt {
	a := &attempt{r: r, began: time.Now()}
	a.options = sshconn.Options{
		Log: r.log, Env: r.environ(), AgentSocket: a.agent(r.config().AgentSocket), Family: r.spec.Family, Progress: a.progress, Dialing: r.dials, Master: r.masterPlace(),
		Local:      a.connectedFrom,
		ProxyAgent: a.agent(new(sshconfig.Config).AgentSocket),
	}
	r.update(func() {
		a.attended, a.epoch = r.clients.askable > 0, r.epoch
		a.config = r.spec.Config
		a.options.Identity, a.options.Choice = r.known.identity, r.known.choice
		a.options.Accepted, a.options.Lost = r.known.accepted, !r.lostAt.IsZero()
		if r.lostAt.IsZero() || a.attended {
			r.enterLocked(control.Connecting)
		} else if r.conn == nil {
			r.enterLocked(control.Lost)
		}
		if a.attended {
			a.options.Ask, a.options.Prompt = r.questions.hostKey, r.questions.prompt
			return
		}
		a.options.Limits = r.known.learned.Limits(r.known.roundTrip)
		a.options.Limits.Again = backoff.Again()
		a.options.Address = r.known.address
	})
	return a
}

// masterPlace is where an ssh that carries the connection has its sockets.
func (k *Keeper) masterPlace() sshconn.MasterPlace {
	self, err := os.Executable()
	if err != nil {
		return sshconn.MasterPlace{}
	}
	return sshconn.MasterPlace{Dir: string(k.dir), Program: self}
}

// agent returns the path of the agent to log in with, "" if none answers: that of
// the person who is attached, or the newest that has keys.
func (a *attempt) agent(path agentPath) func() string {
	return func() string { return answering(a.r.agents.paths(path, a.attended)) }
}

// progress notes the phase that begins.
func (a *attempt) progress(phase string) {
	a.r.update(func() {
		a.r.tries.dialing = phase
		if phase == sshconn.PhaseConnect {
			a.r.tries.dialed = netip.AddrPort{}
		}
	})
}

// dials notes what is dialed. Nobody waits for that.
func (k *Keeper) dials(addr netip.AddrPort) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tries.dialed = addr
}

// connectedFrom notes the address that the attempt comes from.
func (a *attempt) connectedFrom(local net.Addr) {
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	a.local = local
}

// stage tells how far the attempt under way has come.
func (k *Keeper) stage() sshconn.Stage {
	k.mu.Lock()
	defer k.mu.Unlock()
	config := k.spec.Config
	s := sshconn.Stage{
		Phase: k.tries.dialing, User: config.User, Host: config.HostName, Port: config.Port,
		Proxied: config.ProxyJump != "" || config.ProxyCommand != "",
	}
	if k.tries.dialed.IsValid() && !s.Proxied {
		s.Address = k.tries.dialed.String()
	}
	return s
}

// run dials. It is aborted when nobody needs it any more, and begun again by
// its caller when it cannot become of use.
func (a *attempt) run(ctx context.Context, beside bool) (*remote.Connection, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if a.attended {
		a.options.Tell = func(n sshconn.Notice) { a.r.questions.tell(ctx, n) }
		hold := sync.OnceValue(secret.Hold)
		a.options.Prompt = func(ctx context.Context, p sshconn.Prompt) ([][]byte, error) {
			hold()
			secret.Seal() // the packet to the server is a copy that stays
			return a.r.questions.prompt(ctx, p)
		}
		defer func() { hold()() }()
	}
	go func() {
		if a.r.until(ctx, 0, func() bool { return !a.r.wantedLocked() || a.uselessLocked() }) {
			cancel(errAborted)
		}
	}()
	dialed, err := transport.Open(ctx, a.config, a.options)
	if err != nil {
		return nil, err
	}
	a.progress(sshconn.PhaseSession)
	conn := a.r.serve(dialed)
	if beside {
		err = a.r.prove(ctx, conn)
	}
	return conn, err
}

// grace is how old a handshake may be that a network event does not abort:
// events come in bursts, and the first of them began this attempt.
const grace = time.Second

// uselessLocked reports whether the attempt is better begun again: somebody came
// who can be asked; or the network changed while it waits for an answer that
// may now never come. Once the server has been reached and has our signature
// to look at, it is left alone, a person may have touched a key for it; but not
// in the background, if this machine no longer has the address that it comes
// from. One that has let us in is looked at by prove.
func (a *attempt) uselessLocked() bool {
	k := a.r.Keeper
	if k.tries.dialing == sshconn.PhaseSession {
		return false
	}
	if !a.attended && k.clients.askable > 0 {
		return true
	}
	if k.epoch == a.epoch {
		return false
	}
	a.epoch = k.epoch
	switch k.tries.dialing {
	case sshconn.PhaseConnect:
		return true
	case sshconn.PhaseAuth:
		return !a.attended && remote.AddressGone(a.local)
	}
	return !a.attended && remote.AddressGone(a.local) || time.Since(a.began) > grace
}

// pause records how an attempt failed and waits for the time of the next one.
// A refusal is not followed by another attempt until a person attaches.
func (r reconnecting) pause(ctx context.Context, a *attempt, failure error, rest time.Duration, backoff *pace.Backoff) error {
	r.log.Warn().Err(failure).Msg("attempt failed")
	refused := isRefusal(failure)
	arrivals, epoch := 0, 0
	r.update(func() {
		r.tries.fail(failure)
		r.known.learned.Failed(failure, a.options.Limits)
		r.retryAt = time.Now().Add(rest)
		arrivals, epoch = r.clients.arrivals, a.epoch
		if refused {
			r.enterLocked(control.NeedsAuth)
		} else if rest > pace.EagerInterval {
			r.enterLocked(control.Waiting)
		}
	})
	if refused {
		rest = 0 // no time limit
	} else if rest = r.heard(rest); rest <= 0 {
		return nil
	}
	if r.doze(ctx, rest, arrivals, epoch, refused) {
		backoff.Restart(time.Now())
	}
	if ctx.Err() == nil && !r.wanted() {
		return errUnwanted
	}
	return ctx.Err()
}

// hearing is how long those who wait for a connection have to leave when they
// hear why there is none.
const hearing = time.Second

// heard returns the rest before the next attempt: not less than hearing where
// nobody needs that but those who are leaving.
func (r reconnecting) heard(rest time.Duration) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.clients.attached == 0 || r.needsLinkLocked() {
		return rest
	}
	return max(rest, hearing)
}

// doze waits for the time of the next attempt, 0 for no limit, for a person who
// attaches, or for a network event unless the server has refused. It
// reports whether it was the event.
func (r reconnecting) doze(ctx context.Context, rest time.Duration, arrivals, epoch int, refused bool) (disturbed bool) {
	r.until(ctx, rest, func() bool {
		disturbed = !refused && r.epoch != epoch
		return r.clients.arrivals != arrivals || disturbed || !r.wantedLocked()
	})
	return disturbed
}

// soon after its begin a connection has to end for the next one to wait.
const soon = 10 * time.Second

// settle rests after a connection that has ended soon: a server that lets in and
// then hangs up is dialed no more often than one that cannot be reached.
func (r reconnecting) settle(ctx context.Context, began time.Time, backoff *pace.Backoff) {
	now := time.Now()
	if now.Sub(began) >= soon {
		backoff.Restart(time.Time{})
		return
	}
	rest := r.heard(began.Add(backoff.Next(now)).Sub(now))
	if rest <= 0 {
		return
	}
	arrivals, epoch := 0, 0
	r.update(func() {
		arrivals, epoch = r.clients.arrivals, r.epoch
		if rest > pace.EagerInterval && r.wantedLocked() {
			r.retryAt = now.Add(rest)
			r.enterLocked(control.Waiting)
		}
	})
	if r.doze(ctx, rest, arrivals, epoch, false) {
		backoff.Restart(time.Now())
	}
}

// isRefusal reports whether the server was reached and refused us, or we refused
// it: to try again in the background changes nothing and may lock an account.
func isRefusal(err error) bool {
	var key *sshconn.HostKeyError
	var auth *sshconn.AuthError
	var algorithm *sshconn.AlgorithmError
	var unsupported *sshconn.UnsupportedError
	var master *sshconn.MasterError
	var path *sshconn.PathError
	if errors.As(err, &master) && master.Early || errors.As(err, &path) {
		return true
	}
	return errors.As(err, &key) || errors.As(err, &auth) || errors.As(err, &algorithm) || errors.As(err, &unsupported)
}
