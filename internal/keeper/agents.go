package keeper

import (
	"context"
	"net"
	"os"
	"slices"
	"sync"

	"github.com/mosha-ssh/mosha/internal/guard"
)

// maxAgents is how many launchers' agents are remembered.
const maxAgents = 4

// usesLocked makes a launcher's agent the first that is asked. The earlier
// ones stay behind it: the environment of an old shell may name an agent that
// is gone.
func (k *Keeper) usesLocked(socket string) {
	if socket == "" {
		return
	}
	others := slices.DeleteFunc(slices.Clone(k.agents), func(s string) bool { return s == socket })
	k.agents = append([]string{socket}, others...)
	k.agents = k.agents[:min(len(k.agents), maxAgents)]
}

// dialAgent makes a fresh connection to the agent that is forwarded.
func (k *Keeper) dialAgent(ctx context.Context) (net.Conn, error) {
	return k.dialFirst(ctx, k.config().ForwardedSocket)
}

// dialFirst connects to the agent that the configuration names, which is what
// socket makes of the environment, or to the newest launcher's that answers.
func (k *Keeper) dialFirst(ctx context.Context, socket func(env func(string) string) (string, bool)) (net.Conn, error) {
	k.mu.Lock()
	sockets := slices.Clone(k.agents)
	k.mu.Unlock()
	failure, last := errNoAgent, ""
	for _, launchers := range append(sockets, "") {
		path, ok := socket(func(name string) string {
			if name == "SSH_AUTH_SOCK" {
				return launchers
			}
			return os.Getenv(name)
		})
		if !ok || path == last {
			continue
		}
		last = path
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
		if err == nil {
			return conn, nil
		}
		failure = err
	}
	return nil, failure
}

// identityAgent returns the path of the agent to log in with, forwarded that of
// the one that is forwarded; "" if none answers.
func (k *Keeper) identityAgent() string { return k.answering(k.config().AgentSocket) }
func (k *Keeper) forwarded() string     { return k.answering(k.config().ForwardedSocket) }

func (k *Keeper) answering(socket func(env func(string) string) (string, bool)) string {
	conn, err := k.dialFirst(context.Background(), socket)
	if err != nil {
		return ""
	}
	defer conn.Close()
	return conn.RemoteAddr().String()
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
