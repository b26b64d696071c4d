package keeper

import (
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

// configureLocked takes the configuration of a launch for the connections to
// come, with its environment: the user may have corrected it since the keeper
// was spawned. Who only looks, or sets up, leaves that of a connection that
// works as it is. It says whether it did.
func (s service) configureLocked(a control.Attach) bool {
	if a.Config == nil || !a.Session && s.conn.Works() {
		return false
	}
	s.spec.Config = a.Config
	moveInto(a.Env)
	return true
}
