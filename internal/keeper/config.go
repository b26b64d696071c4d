package keeper

import (
	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

// config returns what is configured for the destination: what the newest launch
// found. It is replaced, never changed.
func (k *Keeper) config() *sshconfig.Config {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.spec.Config
}

// isFor reports whether a launch's configuration is for this keeper's destination.
// One that sends none goes by the keeper's.
func (s service) isFor(config *sshconfig.Config) bool {
	return config == nil || config.ID() == s.config().ID()
}

// environ is where programs run: the environment and the directory of the newest
// launch, as if that ran them itself. A token that was renewed in a new shell
// counts, as does $NAME in IdentityAgent. It is not part of the spec, since it may
// hold secrets: a keeper that comes back after it was killed has that of the
// launch that spawned it, until the next one.
func (k *Keeper) environ() child.Env {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.env
}

// configureLocked takes the configuration of a launch for the connections to
// come, with its environment: the user may have corrected it since the keeper
// was spawned. Clients that only look, or set up, leave that of a connection that
// works as it is.
func (s service) configureLocked(a control.Attach) {
	if a.Config == nil || !a.Session && s.conn.Works() {
		return
	}
	s.spec.Config = a.Config
	if len(a.Env) > 0 { // else it was too large to be sent
		s.env = s.env.With(a.Environ())
	}
	if a.Config.Dir != "" {
		s.env = s.env.In(a.Config.Dir)
	}
}
