package keeper

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/mosha-ssh/mosha/internal/guard"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
)

const (
	// maxAgents is how many launchers' agents are remembered.
	maxAgents = 4
	// lookLimit is how long an agent may take to say how many keys it has. It
	// may ask a person to unlock it.
	lookLimit = time.Minute
)

// usesLocked makes a launcher's agent the first of those that are there. The
// earlier ones stay behind it: the environment of an old shell may name an agent
// that is gone, or has no keys.
func (k *Keeper) usesLocked(socket string) {
	k.noKeys = ""
	wakeUp(k.launched)
	if socket == "" {
		return
	}
	others := slices.DeleteFunc(slices.Clone(k.agents), func(s string) bool { return s == socket })
	k.agents = append([]string{socket}, others...)
	k.agents = k.agents[:min(len(k.agents), maxAgents)]
}

// agentPath returns what the configuration makes of the environment: the path of
// an agent, if it names one.
type agentPath func(env func(string) string) (path string, ok bool)

// paths are those of the agents that the configuration names in the environment
// of each launcher, the newest first. One that is not known to have keys comes
// after those that are; or, if new is set, after all but those that are known to
// have none, since a person who is attached means that one.
func (k *Keeper) paths(path agentPath, new bool) []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var found []string
	for _, launchers := range append(slices.Clone(k.agents), "") {
		p, ok := path(func(name string) string {
			if name == "SSH_AUTH_SOCK" {
				return launchers
			}
			return os.Getenv(name)
		})
		if ok && !slices.Contains(found, p) {
			found = append(found, p)
		}
	}
	rank := func(path string) int {
		switch keyed, known := k.keyed[path]; {
		case keyed, !known && new:
			return 0
		case !known:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(found, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	return found
}

// errNoAgent reports that neither the configuration nor the environment names an
// agent.
var errNoAgent = errors.New("no agent is configured here")

// dialAgent makes a fresh connection to the agent that is forwarded.
func (k *Keeper) dialAgent(ctx context.Context) (net.Conn, string, error) {
	return dialFirst(ctx, k.paths(k.config().ForwardedSocket, false))
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

// forwarded returns the path of the agent that is forwarded; "" if none answers.
func (k *Keeper) forwarded() string { return answering(k.paths(k.config().ForwardedSocket, false)) }

func answering(paths []string) string {
	conn, path, err := dialFirst(context.Background(), paths)
	if err != nil {
		return ""
	}
	_ = conn.Close()
	return path
}

// lookAtAgents asks the agents for their keys with every launch, beside that,
// until ctx ends.
func (k *Keeper) lookAtAgents(ctx context.Context) {
	var looks sync.WaitGroup
	defer looks.Wait()
	for {
		select {
		case <-k.launched:
			for _, path := range k.unasked() {
				looks.Go(func() { k.look(ctx, path) })
			}
		case <-ctx.Done():
			return
		}
	}
}

// unasked returns the paths of all agents that may be used, to log in or to be
// forwarded, but those that have not answered yet, and counts them among these.
// What is known of others is forgotten.
func (k *Keeper) unasked() []string {
	config := k.config()
	all := append(k.paths(config.ForwardedSocket, true), k.paths(config.AgentSocket, true)...)
	slices.Sort(all)
	all = slices.Compact(all)
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.DeleteFunc(k.keyed, func(path string, _ bool) bool { return !slices.Contains(all, path) })
	all = slices.DeleteFunc(all, func(path string) bool { return k.asking[path] })
	for _, path := range all {
		k.asking[path] = true
	}
	return all
}

// look finds out whether an agent has keys.
func (k *Keeper) look(ctx context.Context, path string) {
	ctx, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	keys, err := k.guard.Look(ctx, path)
	newest, _ := k.config().ForwardedSocket(k.newestEnv)
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.asking, path)
	if err != nil {
		delete(k.keyed, path)
		return
	}
	k.keyed[path] = keys > 0
	if keys == 0 && path == newest {
		k.noKeys = path
	}
}

// newestEnv is the environment of the newest launch, for its agent.
func (k *Keeper) newestEnv(name string) string {
	if name != "SSH_AUTH_SOCK" {
		return os.Getenv(name)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.agents) == 0 {
		return ""
	}
	return k.agents[0]
}

// lacksKeys returns a *control.NoKeysError if the newest launch's agent is known to have
// no keys.
func (k *Keeper) lacksKeys() error {
	paths := k.paths(k.config().ForwardedSocket, false)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.noKeys == "" {
		return nil
	}
	return &control.NoKeysError{Path: k.noKeys, Others: len(paths) > 0 && k.keyed[paths[0]]}
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
