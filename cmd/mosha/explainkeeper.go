package main

import (
	"errors"

	"github.com/mosha-ssh/mosha/internal/keeper"
)

// noKeeperError says that a destination has no keeper.
type noKeeperError struct{ Host string }

func (e *noKeeperError) Error() string { return "no keeper runs for " + e.Host }

// noLogError says that no keeper of a destination has written a log.
type noLogError struct{ Host string }

func (e *noLogError) Error() string { return "there is no log of a keeper for " + e.Host }

// explainKeeper is about keepers that are to be looked at or ended.
func explainKeeper(err error) (explanation, bool) {
	var noKeeper *noKeeperError
	var noLog *noLogError
	var silent *keeper.SilentError
	var version *keeper.VersionError
	switch {
	case errors.As(err, &noKeeper):
		return explanation{noKeeper.Error(), "mosha status lists those that run", exitNotUp}, true
	case errors.As(err, &noLog):
		return explanation{noLog.Error(), "mosha status lists the keepers that run", exitFailure}, true
	case errors.As(err, &silent):
		return explanation{silent.Error(), "is it stopped, or the machine overloaded? log: " + silent.Log, exitNotUp}, true
	case errors.As(err, &version):
		return explanation{versionWords(version), "end it: mosha stop HOST", exitFailure}, true
	}
	return explanation{}, false
}

// versionWords says which of the two is the older one. Ending the keeper helps
// either way: the next launch starts one of its own version.
func versionWords(v *keeper.VersionError) string {
	if v.Keeper < v.Client {
		return "the keeper that runs is of an older version of mosha"
	}
	return "the keeper that runs is of a newer version of mosha"
}
