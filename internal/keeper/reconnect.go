package keeper

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
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

// establish makes attempts, one at a time, until one succeeds. beside says that
// there is a connection in doubt: one that has only logged in is no better than
// that, and has to answer first. It returns errUnwanted when nobody needs the
// connection any more, or ctx's error.
func (k *Keeper) establish(ctx context.Context, beside bool) (*remote.Connection, error) {
	var pace backoff
	for {
		began := time.Now()
		a := k.newAttempt(&pace)
		conn, err := a.run(ctx, beside)
		switch {
		case err == nil:
			return conn, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !k.wanted():
			return nil, errUnwanted
		case errors.Is(err, errAborted), errors.Is(err, errLeft):
			pace.restart(time.Now())
			continue
		}
		if err := k.pause(ctx, a, err, time.Until(began.Add(pace.next(began))), &pace); err != nil {
			return nil, err
		}
	}
}

// attempt is one try to connect. While somebody is attached it may ask them,
// and takes the time that the user's configuration gives it; else it asks
// nothing and is short.
type attempt struct {
	k        *Keeper
	attended bool
	epoch    int // network events before it began
	began    time.Time
	config   *sshconfig.Config
	options  sshconn.Options
	local    net.Addr // where it comes from, the keeper's lock's; nil: not known
}

func (k *Keeper) newAttempt(pace *backoff) *attempt {
	a := &attempt{k: k, began: time.Now()}
	a.options = sshconn.Options{
		Log: k.log, AgentSocket: a.agent(k.config().AgentSocket), Family: k.spec.Family, Progress: a.progress, Dialing: k.dials, Master: k.masterPlace(),
		Local:      a.connectedFrom,
		ProxyAgent: a.agent(new(sshconfig.Config).AgentSocket),
	}
	k.update(func() {
		a.attended, a.epoch = k.askable > 0, k.epoch
		a.config = k.spec.Config
		a.options.Identity, a.options.Choice = k.identity, k.choice
		a.options.Accepted, a.options.Lost = k.accepted, !k.lostAt.IsZero()
		if k.lostAt.IsZero() || a.attended {
			k.enterLocked(control.Connecting)
		} else if k.conn == nil {
			k.enterLocked(control.Lost)
		}
		if a.attended {
			a.options.Ask, a.options.Prompt = k.askHostKey, k.prompt
			return
		}
		a.options.Limits = k.learned.limits(k.roundTrip)
		a.options.Limits.Again = pace.again()
		a.options.Address = k.address
	})
	return a
}

// agent returns the path of the agent to log in with, "" if none answers: that of
// the person who is attached, or the newest that has keys.
func (a *attempt) agent(path agentPath) func() string {
	return func() string { return answering(a.k.agents.paths(path, a.attended)) }
}

// progress notes the phase that begins.
func (a *attempt) progress(phase string) {
	a.k.update(func() {
		a.k.dialing = phase
		if phase == sshconn.PhaseConnect {
			a.k.dialed = netip.AddrPort{}
		}
	})
}

// dials notes what is dialed. Nobody waits for that.
func (k *Keeper) dials(addr netip.AddrPort) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dialed = addr
}

// connectedFrom notes the address that the attempt comes from.
func (a *attempt) connectedFrom(local net.Addr) {
	a.k.mu.Lock()
	defer a.k.mu.Unlock()
	a.local = local
}

// stage says how far the attempt under way has come.
func (k *Keeper) stage() sshconn.Stage {
	k.mu.Lock()
	defer k.mu.Unlock()
	config := k.spec.Config
	s := sshconn.Stage{
		Phase: k.dialing, User: config.User, Host: config.HostName, Port: config.Port,
		Proxied: config.ProxyJump != "" || config.ProxyCommand != "",
	}
	if k.dialed.IsValid() && !s.Proxied {
		s.Address = k.dialed.String()
	}
	return s
}

// run dials. It is aborted when nobody needs it any more, and begun again by
// its caller when it cannot become of use.
func (a *attempt) run(ctx context.Context, beside bool) (*remote.Connection, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if a.attended {
		a.options.Tell = func(n sshconn.Notice) { a.k.tell(ctx, n) }
		hold := sync.OnceValue(secret.Hold)
		a.options.Prompt = func(ctx context.Context, p sshconn.Prompt) ([][]byte, error) {
			hold()
			secret.Seal() // the packet to the server is a copy that stays
			return a.k.prompt(ctx, p)
		}
		defer func() { hold()() }()
	}
	go func() {
		if a.k.until(ctx, 0, func() bool { return !a.k.wantedLocked() || a.uselessLocked() }) {
			cancel(errAborted)
		}
	}()
	dialed, err := transport.Open(ctx, a.config, a.options)
	if err != nil {
		return nil, err
	}
	a.progress(sshconn.PhaseSession)
	conn := a.k.serve(dialed)
	if beside {
		err = a.k.prove(ctx, conn)
	}
	return conn, err
}

// grace is how old a handshake may be that a network event does not abort:
// events come in bursts, and the first of them began this attempt.
const grace = time.Second

// uselessLocked says whether the attempt is better begun again: somebody came
// who can be asked; or the network changed while it waits for an answer that
// may now never come. Once the server has been reached and has our signature
// to look at, it is left alone, a person may have touched a key for it; but not
// in the background, if this machine no longer has the address that it comes
// from. One that has let us in is looked at by prove.
func (a *attempt) uselessLocked() bool {
	k := a.k
	if k.dialing == sshconn.PhaseSession {
		return false
	}
	if !a.attended && k.askable > 0 {
		return true
	}
	if k.epoch == a.epoch {
		return false
	}
	a.epoch = k.epoch
	switch k.dialing {
	case sshconn.PhaseConnect:
		return true
	case sshconn.PhaseAuth:
		return !a.attended && remote.AddressGone(a.local)
	}
	return !a.attended && remote.AddressGone(a.local) || time.Since(a.began) > grace
}

// pause records how an attempt failed and waits for the time of the next one.
// A refusal is not followed by another attempt until a person attaches.
func (k *Keeper) pause(ctx context.Context, a *attempt, failure error, rest time.Duration, pace *backoff) error {
	k.log.Warn().Err(failure).Msg("attempt failed")
	refused := isRefusal(failure)
	arrivals, epoch := 0, 0
	k.update(func() {
		k.failLocked(failure)
		k.learned.failed(failure, a.options.Limits)
		k.retryAt = time.Now().Add(rest)
		arrivals, epoch = k.arrivals, a.epoch
		if refused {
			k.enterLocked(control.NeedsAuth)
		} else if rest > eagerInterval {
			k.enterLocked(control.Waiting)
		}
	})
	if refused {
		rest = 0 // no time limit
	} else if rest = k.heard(rest); rest <= 0 {
		return nil
	}
	if k.doze(ctx, rest, arrivals, epoch, refused) {
		pace.restart(time.Now())
	}
	if ctx.Err() == nil && !k.wanted() {
		return errUnwanted
	}
	return ctx.Err()
}

// failLocked has all who wait for the connection hear why there is none.
func (k *Keeper) failLocked(why error) {
	k.failures++
	k.failed = why
}

// hearing is how long those who wait for a connection have to leave when they
// hear why there is none.
const hearing = time.Second

// heard returns the rest before the next attempt: not less than hearing where
// nobody needs that but those who are leaving.
func (k *Keeper) heard(rest time.Duration) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.attached == 0 || k.needsLinkLocked() {
		return rest
	}
	return max(rest, hearing)
}

// doze waits for the time of the next attempt, 0 for no limit, for a person who
// attaches, or for a network event unless the server has refused. It says
// whether it was the event.
func (k *Keeper) doze(ctx context.Context, rest time.Duration, arrivals, epoch int, refused bool) (disturbed bool) {
	k.until(ctx, rest, func() bool {
		disturbed = !refused && k.epoch != epoch
		return k.arrivals != arrivals || disturbed || !k.wantedLocked()
	})
	return disturbed
}

// soon after its begin a connection has to end for the next one to wait.
const soon = 10 * time.Second

// settle rests after a connection that has ended soon: a server that lets in and
// then hangs up is dialed no oftener than one that cannot be reached.
func (k *Keeper) settle(ctx context.Context, began time.Time, pace *backoff) {
	now := time.Now()
	if now.Sub(began) >= soon {
		pace.restart(time.Time{})
		return
	}
	rest := k.heard(began.Add(pace.next(now)).Sub(now))
	if rest <= 0 {
		return
	}
	arrivals, epoch := 0, 0
	k.update(func() {
		arrivals, epoch = k.arrivals, k.epoch
		if rest > eagerInterval && k.wantedLocked() {
			k.retryAt = now.Add(rest)
			k.enterLocked(control.Waiting)
		}
	})
	if k.doze(ctx, rest, arrivals, epoch, false) {
		pace.restart(time.Now())
	}
}

// isRefusal says that the other side was reached and would not have us, or we
// not them: trying again in the background changes nothing and may lock an
// account.
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
