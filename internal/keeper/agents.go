package keeper

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/guard"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

const (
	// maxAgents is how many launchers' agents are remembered.
	maxAgents = 4
	// lookLimit is how long an agent may take to say how many keys it has. It
	// may ask a person to unlock it.
	lookLimit = time.Minute
)

// agents are those of the launchers, of which one is forwarded and used to log
// in. Its lock is its own.
type agents struct {
	guard    *guard.Guard
	launched chan struct{} // one slot; the agents are to be asked for their keys

	mu        sync.Mutex
	config    *sshconfig.Config // of the newest launch, as Keeper.env
	env       child.Env
	launchers []string        // their SSH_AUTH_SOCK, the newest first
	keyed     map[string]bool // whether the agent at a path has keys; not there: not known
	noKeys    string          // path of the newest launch's agent if that has none
	asking    map[string]bool // those that were asked for their keys and have not answered yet
}

// newAgents returns the agents of a keeper that begins, with those that the one
// before it knew.
func newAgents(config *sshconfig.Config, before []string, log zerolog.Logger) *agents {
	a := &agents{
		config: config, launched: make(chan struct{}, 1), launchers: before,
		keyed: make(map[string]bool), asking: make(map[string]bool),
	}
	a.guard = guard.New(a.dial, log)
	if len(before) == 0 {
		a.uses(a.env.Get("SSH_AUTH_SOCK"))
	}
	wakeUp(a.launched)
	return a
}

// known returns what the next keeper is to know.
func (a *agents) known() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.launchers
}

// follow takes the configuration of a launch, and where its programs run.
func (a *agents) follow(config *sshconfig.Config, env child.Env) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.config, a.env = config, env
}

// uses makes a launcher's agent the first of those that are there. The
// earlier ones stay behind it: the environment of an old shell may name an agent
// that is gone, or has no keys.
func (a *agents) uses(socket string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.noKeys = ""
	wakeUp(a.launched)
	if socket == "" {
		return
	}
	others := slices.DeleteFunc(slices.Clone(a.launchers), func(s string) bool { return s == socket })
	a.launchers = append([]string{socket}, others...)
	a.launchers = a.launchers[:min(len(a.launchers), maxAgents)]
}

// wakeUp fills a slot, unless it is full already.
func wakeUp(slot chan<- struct{}) {
	select {
	case slot <- struct{}{}:
	default:
	}
}

// agentPath returns what the configuration makes of the environment: the path of
// an agent, if it names one.
type agentPath func(env func(string) string) (path string, ok bool)

// paths are those of the agents that the configuration names in the environment
// of each launcher, the newest first. One that is not known to have keys comes
// after those that are; or, if new is set, after all but those that are known to
// have none, since a person who is attached means that one.
func (a *agents) paths(path agentPath, new bool) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var found []string
	for _, launchers := range append(slices.Clone(a.launchers), "") {
		p, ok := path(withAgent(a.env, launchers))
		if p = a.env.Path(p); ok && !slices.Contains(found, p) {
			found = append(found, p)
		}
	}
	rank := func(path string) int {
		switch keyed, known := a.keyed[path]; {
		case keyed, !known && new:
			return 0
		case !known:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(found, func(p, q string) int { return cmp.Compare(rank(p), rank(q)) })
	return found
}

// withAgent looks variables up in an environment with another SSH_AUTH_SOCK.
func withAgent(env child.Env, socket string) func(string) string {
	return func(name string) string {
		if name == "SSH_AUTH_SOCK" {
			return socket
		}
		return env.Get(name)
	}
}

// errNoAgent reports that neither the configuration nor the environment names an
// agent.
var errNoAgent = errors.New("no agent is configured here")

// dial makes a fresh connection to the agent that is forwarded.
func (a *agents) dial(ctx context.Context) (net.Conn, string, error) {
	return dialFirst(ctx, a.forwardable())
}

// dialFirst connects to the first agent that answers, and returns its path, too.
func dialFirst(ctx context.Context, paths []string) (net.Conn, string, error) {
	failure := errNoAgent
	for _, path := range paths {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		if err == nil {
			return conn, path, nil
		}
		failure = err
	}
	return nil, "", failure
}

// forwardable returns the paths of the agents that may be forwarded: the first
// that answers is.
func (a *agents) forwardable() []string { return a.paths(a.configured().ForwardedSocket, false) }

func (a *agents) configured() *sshconfig.Config {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.config
}

// forwarded returns the path of the agent that is forwarded; "" if none answers.
func (a *agents) forwarded() string { return answering(a.forwardable()) }

func answering(paths []string) string {
	conn, path, err := dialFirst(context.Background(), paths)
	if err != nil {
		return ""
	}
	_ = conn.Close()
	return path
}

// watch asks the agents for their keys with every launch, beside that,
// until ctx ends.
func (a *agents) watch(ctx context.Context) {
	var looks sync.WaitGroup
	defer looks.Wait()
	for {
		select {
		case <-a.launched:
			for _, path := range a.unasked() {
				looks.Go(func() { a.look(ctx, path) })
			}
		case <-ctx.Done():
			return
		}
	}
}

// unasked returns the paths of all agents that may be used, to log in or to be
// forwarded, but those that have not answered yet, and counts them among these.
// What is known of others is forgotten.
func (a *agents) unasked() []string {
	config := a.configured()
	all := append(a.paths(config.ForwardedSocket, true), a.paths(config.AgentSocket, true)...)
	slices.Sort(all)
	all = slices.Compact(all)
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.keyed, func(path string, _ bool) bool { return !slices.Contains(all, path) })
	all = slices.DeleteFunc(all, func(path string) bool { return a.asking[path] })
	for _, path := range all {
		a.asking[path] = true
	}
	return all
}

// look finds out whether an agent has keys.
func (a *agents) look(ctx context.Context, path string) {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	keys, err := a.guard.Look(ctx, path)
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.asking, path)
	if err != nil {
		delete(a.keyed, path)
		return
	}
	a.keyed[path] = keys > 0
	if keys == 0 && path == a.newestLocked() {
		a.noKeys = path
	}
}

// newestLocked returns the path of the agent that the newest launch has
// forwarded, by its SSH_AUTH_SOCK or by the configuration.
func (a *agents) newestLocked() string {
	socket := ""
	if len(a.launchers) > 0 {
		socket = a.launchers[0]
	}
	path, _ := a.config.ForwardedSocket(withAgent(a.env, socket))
	return a.env.Path(path)
}

// lacksKeys returns a *control.NoKeysError if the newest launch's agent is
// known to have no keys.
func (a *agents) lacksKeys() error {
	paths := a.forwardable()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.noKeys == "" {
		return nil
	}
	return &control.NoKeysError{Path: a.noKeys, Others: len(paths) > 0 && a.keyed[paths[0]]}
}
