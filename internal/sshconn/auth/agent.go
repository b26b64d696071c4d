package auth

import (
	"context"
	"net"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh/agent"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/pubkey"
)

// askAgent returns the agent's keys, or why there are none in the words of
// AuthError.Agent.
func (k *keyring) askAgent(bind []byte) (keys []identity, problem string) {
	a := k.auth
	path := k.agentPath()
	if path == "" {
		return nil, sshconn.AgentAbsent
	}
	conn, err := dialAgent(a.ctx, path)
	if err != nil {
		a.opts.Log.Debug().Err(err).Msg("no agent")
		return nil, sshconn.AgentAbsent
	}
	a.keep(conn)
	waited := a.person.sayLate(sshconn.Notice{Kind: sshconn.NoticeWait})
	keys, err = agentKeys(conn, bind, agentLimit(&a.opts), a.opts.Log)
	waited()
	switch {
	case err != nil:
		return nil, err.Error()
	case len(keys) == 0:
		return nil, sshconn.AgentEmpty
	}
	return keys, ""
}

func (k *keyring) agentPath() string {
	if k.auth.opts.AgentSocket == nil {
		return ""
	}
	return k.auth.opts.AgentSocket()
}

// agentTimeout bounds what an agent answers by itself: connecting and, where
// nobody is there, session-bind and the list of keys. With a person there an
// agent may ask them to unlock it before it lists anything, as it may before it
// signs.
const agentTimeout = 10 * time.Second

// dialAgent connects to the agent's socket.
func dialAgent(ctx context.Context, path string) (net.Conn, error) {
	d := net.Dialer{Timeout: agentTimeout}
	return d.DialContext(ctx, "unix", path)
}

// keep holds the agent's connection until Close. After Close it is closed at
// once.
func (a *Login) keep(conn net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		conn.Close()
	}
	a.conn = conn
}

// agentLimit is how long an agent may take to list its keys, 0 if there is no
// limit.
func agentLimit(o *sshconn.Options) time.Duration {
	if o.Unattended() {
		return agentTimeout
	}
	return 0
}

// agentKeys binds the agent's connection to the session, as OpenSSH does before
// it signs, and lists the keys, within the limit: none if it is 0.
func agentKeys(conn net.Conn, bind []byte, limit time.Duration, log zerolog.Logger) ([]identity, error) {
	if limit > 0 {
		if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
			return nil, err
		}
	}
	client := agent.NewClient(conn)
	if bind != nil {
		// An agent that does not know session-bind is used unbound.
		_, err := client.Extension("session-bind@openssh.com", bind)
		log.Debug().Err(err).Msg("agent bound to the session")
	}
	signers, err := client.Signers()
	if err != nil {
		return nil, err
	}
	var keys []identity
	for _, s := range signers {
		id := identity{public: s.PublicKey(), agent: s}
		if key, ok := id.public.(*agent.Key); ok {
			id.source = key.Comment
			id.public = pubkey.OfAgent(key)
		}
		keys = append(keys, id)
	}
	return keys, conn.SetDeadline(time.Time{}) // a signature may take its time
}

// Close frees a signature or list that waits for the agent.
func (a *Login) Close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	if a.conn != nil {
		a.conn.Close()
	}
}
