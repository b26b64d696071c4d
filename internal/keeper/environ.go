package keeper

import (
	"os"
	"strings"
)

// The keeper runs proxies, KnownHostsCommand and ssh for the newest launch, as
// that would itself, so it moves into the launch's environment and directory:
// a token that was renewed in a new shell counts, as does $NAME in
// IdentityAgent. It is not part of the spec, since it may hold secrets: a keeper
// that comes back after it was killed has that of the launch that spawned it,
// until the next one.

// moveInto makes env the environment of this process; none changes nothing.
func moveInto(env [][]byte) {
	if len(env) == 0 {
		return
	}
	wanted := make(map[string]string, len(env))
	for _, variable := range env {
		name, value, _ := strings.Cut(string(variable), "=")
		if _, twice := wanted[name]; !twice { // the first counts, as for getenv(3)
			wanted[name] = value
		}
	}
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		if _, stays := wanted[name]; !stays {
			_ = os.Unsetenv(name)
		}
	}
	for name, value := range wanted {
		if is, set := os.LookupEnv(name); !set || is != value {
			_ = os.Setenv(name, value) // fails for what is no name
		}
	}
}

// enterDir makes the launch's directory that of this process. Where it is gone the
// keeper stays in the one that it has.
func (k *Keeper) enterDir(dir string) {
	if dir == "" {
		return
	}
	if err := os.Chdir(dir); err != nil {
		k.log.Info().Err(err).Msg("not in the launch's directory")
	}
}
