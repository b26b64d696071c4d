package tunnel

import (
	"context"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"
)

// Opener is one SSH connection, while it lasts.
type Opener interface {
	OpenChannel(kind string, extra []byte) (ssh.Channel, <-chan *ssh.Request, error)
	SendRequest(name string, wantReply bool, payload []byte) (bool, []byte, error)
	// Done is closed when nothing more comes from the server, before the streams
	// of the channels end.
	Done() <-chan struct{}
}

const (
	// maxStreams bounds the connections of all tunnels of a set. Each may take up
	// a channel's window, 2 MiB, where its reader stalls.
	maxStreams = 256
	// patience is how long a connection to a tunnel waits for SSH.
	patience = 10 * time.Second
)

// Request is a tunnel that somebody wants, and by which rules.
type Request struct {
	Spec
	Rules Rules `json:"rules,omitzero"`
	// Had reports that the server has listened for it before, on an earlier
	// connection: what has the address there may be what that left.
	Had bool `json:"had,omitempty"`
}

// State is what a tunnel is doing.
type State string

// The states of a tunnel.
const (
	Waiting State = "waiting" // for the SSH connection, on which the server is to listen
	Up      State = "up"      // its listener is open
	Failed  State = "failed"  // it is not, and is tried again
)

// Status is how a tunnel is. Problem is set in Failed, and in Up where it
// listens at some of its addresses only.
type Status struct {
	Request
	State    State
	Port     int // that the server has chosen, if it was to
	Problem  error
	Open     int   // connections
	Total    int64 // of them, so far
	Sent     int64 // bytes towards the server
	Received int64
}

// Set has tunnels and serves them until it is closed. Its methods may be called
// from several goroutines.
type Set struct {
	// Unlink, if set, removes the socket at an absolute path on the server if
	// nobody listens on it. sshd leaves it there when it is killed, and then cannot
	// listen on it again.
	Unlink func(ctx context.Context, o Opener, path string)
	// Used, if set, is called when a MiB was carried, which takes memory.
	Used func()
	// Listened, if set, is called when the server listens for a tunnel for the
	// first time: Requests has changed.
	Listened func()

	log    zerolog.Logger
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	places chan struct{} // one for each connection

	mu      sync.Mutex
	change  chan struct{} // closed and replaced with every change below, and of a tunnel's state
	opener  Opener        // nil: there is none that works
	tunnels []*tunnel

	listeners map[listening]*tunnel
	asking    sync.RWMutex // held while the server chooses a port
}

// NewSet returns an empty set.
func NewSet(log zerolog.Logger) *Set {
	ctx, cancel := context.WithCancel(context.Background())
	return &Set{
		log: log, ctx: ctx, cancel: cancel, places: make(chan struct{}, maxStreams),
		change: make(chan struct{}), listeners: make(map[listening]*tunnel),
	}
}

// Use gives the set the SSH connection that works from now on, nil if none does.
func (s *Set) Use(o Opener) {
	s.update(func() { s.opener = o })
}

func (s *Set) update(what func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	what()
	close(s.change)
	s.change = make(chan struct{})
}

// Add adds tunnels and waits until each has opened its listener or failed to,
// or ctx ends. It returns the error of each: nil where there was none yet. One
// that is there is not added again, but gets the rules of its request; it is
// tried again if it has failed.
func (s *Set) Add(ctx context.Context, requests ...Request) []error {
	added := make([]*tunnel, len(requests))
	errs := make([]error, len(requests))
	for i, r := range requests {
		added[i], _ = s.add(r)
	}
	for i, t := range added {
		if t == nil {
			errs[i] = ErrClosed
			continue
		}
		errs[i] = s.outcome(ctx, t)
	}
	return errs
}

// Begin adds tunnels and waits for nothing. It returns those that were not there
// before.
func (s *Set) Begin(requests ...Request) (made []Spec) {
	for _, r := range requests {
		if _, isNew := s.add(r); isNew {
			made = append(made, r.Spec)
		}
	}
	return made
}

func (s *Set) add(r Request) (t *tunnel, isNew bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return nil, false
	}
	if t := s.findLocked(r.Spec); t != nil {
		if t.Kind != Remote && !reflect.DeepEqual(t.Rules, r.Rules) {
			return s.replaceLocked(t, r), false
		}
		t.Rules = r.Rules
		t.again()
		return t, false
	}
	t = newTunnel(s, r)
	s.tunnels = append(s.tunnels, t)
	s.work.Go(t.run)
	return t, true
}

// replaceLocked opens the listener of a tunnel here again, by other rules. Its
// connections go on.
func (s *Set) replaceLocked(old *tunnel, r Request) *tunnel {
	t := newTunnel(s, r)
	s.tunnels[slices.Index(s.tunnels, old)] = t
	old.cancel()
	s.work.Go(func() {
		<-old.done
		t.run()
	})
	return t
}

// outcome waits until a tunnel is up or has failed.
func (s *Set) outcome(ctx context.Context, t *tunnel) error {
	for {
		s.mu.Lock()
		state, problem, trying, change := t.state, t.problem, t.trying, s.change
		s.mu.Unlock()
		if !trying && state != Waiting {
			return problem
		}
		select {
		case <-change:
		case <-ctx.Done():
			return nil
		case <-t.ctx.Done():
			return ErrNone
		}
	}
}

func (s *Set) findLocked(spec Spec) *tunnel {
	for _, t := range s.tunnels {
		if t.Spec == spec {
			return t
		}
	}
	return nil
}

// Cancel ends a tunnel. Its connections go on, as with ssh. A tunnel with a port
// that the server has chosen may be named by that port, too. The error is
// ErrNone.
func (s *Set) Cancel(spec Spec) error {
	s.mu.Lock()
	t := s.findLocked(spec)
	if t == nil {
		t = s.findChosenLocked(spec)
	}
	if t != nil {
		s.tunnels = slices.DeleteFunc(s.tunnels, func(o *tunnel) bool { return o == t })
	}
	s.mu.Unlock()
	if t == nil {
		return ErrNone
	}
	t.cancel()
	<-t.done
	return nil
}

func (s *Set) findChosenLocked(spec Spec) *tunnel {
	for _, t := range s.tunnels {
		named := t.Spec
		named.Listen.Port = t.port
		if t.Kind == Remote && t.Listen.Port == 0 && named == spec {
			return t
		}
	}
	return nil
}

// Requests returns what was added and not cancelled, in that order.
func (s *Set) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var requests []Request
	for _, t := range s.tunnels {
		requests = append(requests, t.Request)
	}
	return requests
}

// Status returns how each tunnel is, in the order in which they were added.
func (s *Set) Status() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Status
	for _, t := range s.tunnels {
		all = append(all, t.statusLocked())
	}
	return all
}

// Close ends all tunnels and resets their connections. Nothing of the set runs
// when it returns.
func (s *Set) Close() {
	s.mu.Lock()
	s.cancel()
	s.mu.Unlock()
	s.work.Wait()
}

// ready waits for an SSH connection that works.
func (s *Set) ready(ctx context.Context) (Opener, error) {
	for {
		s.mu.Lock()
		o, change := s.opener, s.change
		s.mu.Unlock()
		if o != nil && !isClosed(o.Done()) {
			return o, nil
		}
		select {
		case <-change:
		case <-ctx.Done():
			return nil, errNoConnection
		}
	}
}

// replaced waits until an SSH connection is no longer the one that works.
func (s *Set) replaced(ctx context.Context, o Opener) {
	for {
		s.mu.Lock()
		current, change := s.opener, s.change
		s.mu.Unlock()
		if current != o {
			return
		}
		select {
		case <-change:
		case <-o.Done():
			return
		case <-ctx.Done():
			return
		}
	}
}

// enter takes a place for a connection, if there is one.
func (s *Set) enter() bool {
	select {
	case s.places <- struct{}{}:
		return true
	default:
		s.warn().Int("most", maxStreams).Msg("too many connections of tunnels: one was refused")
		return false
	}
}

func (s *Set) leave() { <-s.places }

// noise and detail let some of what others can provoke into the log.
var noise, detail = &zerolog.BurstSampler{Burst: 10, Period: time.Minute}, &zerolog.BurstSampler{Burst: 10, Period: time.Minute}

func (s *Set) warn() *zerolog.Event {
	log := s.log.Sample(noise)
	return log.Warn()
}
