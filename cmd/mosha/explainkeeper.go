package main

import (
	"errors"
	"fmt"

	"github.com/mosha-ssh/mosha/internal/keeper"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
)

// A keeper is "the connection in the background" to a person.

// noKeeperError says that a destination has no keeper.
type noKeeperError struct{ Host string }

func (e *noKeeperError) Error() string { return noneRuns + " for " + e.Host }

// noLogError says that no keeper of a destination has written a log.
type noLogError struct{ Host string }

func (e *noLogError) Error() string { return "there is no log of a connection to " + e.Host }

// explainKeeper is about keepers that are to be looked at or ended, or that
// cannot be reached.
func explainKeeper(err error) (explanation, bool) {
	var noKeeper *noKeeperError
	var noLog *noLogError
	var silent *keeper.SilentError
	var version *keeper.VersionError
	var spawn *keeper.SpawnError
	var file *rundir.FileError
	switch {
	case errors.As(err, &file):
		return explanation{file.Error(), "remove it: mosha has a file of its own there", exitFailure}, true
	case errors.As(err, &noKeeper):
		return explanation{noKeeper.Error(), "mosha status lists those that there are", exitNotUp}, true
	case errors.As(err, &noLog):
		return explanation{noLog.Error(), "mosha status lists the connections in the background", exitFailure}, true
	case errors.As(err, &silent):
		return explanation{"the connection in the background does not answer", "is its process stopped, or the machine overloaded? log: " + silent.Log, exitNotUp}, true
	case errors.As(err, &version):
		return explanation{versionWords(version), "end it: mosha stop HOST", exitFailure}, true
	case errors.As(err, &spawn):
		return explanation{fmt.Sprintf("the process in the background did not start: %v", spawn.Err), "log: " + spawn.Log, exitFailure}, true
	case errors.Is(err, keeper.ErrGone), errors.Is(err, keeper.ErrNoKeeper):
		return explanation{"the connection in the background ended meanwhile", "try again", exitFailure}, true
	}
	return explanation{}, false
}

// versionWords says which of the two is the older one. Ending the keeper helps
// either way: the next launch starts one of its own version.
func versionWords(v *keeper.VersionError) string {
	age := "a newer"
	if v.Keeper < v.Client {
		age = "an older"
	}
	return "the connection in the background was made by " + age + " version of mosha"
}
