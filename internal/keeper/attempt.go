package keeper

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/pace"
	"github.com/mosha-ssh/mosha/internal/keeper/remote"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/secret"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/transport"
)

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
		Log: r.log, Family: r.spec.Family, Master: masterPlace(r.dir),
		Progress: a.progress, Dialing: a.dials, Local: a.connectedFrom,
		ProxyAgent: a.agent(new(sshconfig.Config).AgentSocket),
	}
	r.update(func() {
		a.attended, a.epoch = r.clients.askable > 0, r.epoch
		a.config, a.options.Env = r.spec.Config, r.env
		a.options.AgentSocket = a.agent(a.config.AgentSocket)
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

// masterPlace is where an ssh that carries the connection has its sockets: in the
// keeper's directory.
func masterPlace(dir rundir.Dir) sshconn.MasterPlace {
	self, err := os.Executable()
	if err != nil {
		return sshconn.MasterPlace{}
	}
	return sshconn.MasterPlace{Dir: string(dir), Program: self}
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
func (a *attempt) dials(addr netip.AddrPort) {
	a.r.mu.Lock()
	defer a.r.mu.Unlock()
	a.r.tries.dialed = addr
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

// serve takes over an SSH connection and begins to serve its channels.
func (k *Keeper) serve(conn sshconn.Connection) *remote.Connection {
	k.mu.Lock()
	options := remote.Options{Config: k.spec.Config, Log: k.log, Guard: k.agents.guard, Claims: k.claims, First: k.known.learned.First,
		Forwarded: func(over sshconn.Connection, offer ssh.NewChannel) { k.tunnels.Offered(over, offer) },
	}
	k.mu.Unlock()
	return remote.New(conn, owner{k}, options)
}

// prove waits for the first answer of a connection that is to take another's
// place. A session is opened meanwhile, which is at hand then.
func (r reconnecting) prove(ctx context.Context, conn *remote.Connection) error {
	conn.OpenAhead()
	epoch := r.events()
	r.tend(ctx, conn, &epoch, func() bool { return conn.Answered() || conn.Doubted() || conn.Ended() })
	err := conn.Unproven()
	if ctx.Err() == nil && conn.Answered() {
		return nil
	}
	conn.Drop()
	<-conn.Done()
	return cmp.Or(context.Cause(ctx), err)
}
