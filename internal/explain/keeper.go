package explain

import (
	"errors"
	"fmt"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
)

// A keeper is "the connection in the background" to a person.

// NoneRuns says that no keeper is there at all.
const NoneRuns = "no connection in the background"

// NoKeeper is a destination without a keeper.
func NoKeeper(host string) *Failure {
	return &Failure{NoneRuns + " for " + host, "mosha status lists those that there are", ExitNotUp}
}

// NoLog is a destination whose keepers have written no log.
func NoLog(host string) *Failure {
	return &Failure{"there is no log of a connection to " + host, "mosha status lists the connections in the background", ExitHere}
}

// background is about keepers that are to be looked at or ended, or that
// cannot be reached.
func background(err error) Failure {
	var silent *control.SilentError
	var version *control.VersionError
	var spawn *control.SpawnError
	var file *rundir.FileError
	var down *control.TunnelError
	var none *control.NoTunnelError
	switch {
	case errors.As(err, &down):
		return Failure{down.Error(), "ExitOnForwardFailure in ssh_config makes the launch fail then", ExitHere}
	case errors.As(err, &none):
		return Failure{none.Error(), "mosha forward HOST lists those that there are", ExitHere}
	case errors.As(err, &file):
		return Failure{file.Error(), "remove it: mosha has a file of its own there", ExitHere}
	case errors.As(err, &silent):
		return Failure{"the connection in the background does not answer", "is its process stopped, or the machine overloaded? log: " + silent.Log, ExitNotUp}
	case errors.As(err, &version):
		return Failure{versionWords(version), "end it: mosha stop HOST", ExitHere}
	case errors.As(err, &spawn):
		return Failure{fmt.Sprintf("the process in the background did not start: %v", spawn.Err), "log: " + spawn.Log, ExitHere}
	case errors.Is(err, control.ErrGone), errors.Is(err, control.ErrNoKeeper):
		return Failure{"the connection in the background ended meanwhile", "try again", ExitHere}
	}
	return Failure{}
}

// versionWords says which of the two is the older one. Ending the keeper helps
// either way: the next launch starts one of its own version.
func versionWords(v *control.VersionError) string {
	age := "a newer"
	if v.Keeper < v.Client {
		age = "an older"
	}
	return "the connection in the background was made by " + age + " version of mosha"
}
