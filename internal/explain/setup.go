package explain

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
)

func setupWords(err *control.SetupError) (message, hint string) {
	var file *bootstrap.FileError
	if errors.As(err.Err, &file) {
		return fmt.Sprintf("not written on the remote: %s: %v", strings.Join(err.Paths, ", "), file.Reason), fileHint(file.Reason)
	}
	words, hint := scriptWords(err.Err)
	return "the remote was not set up: " + words, hint
}

func fileHint(reason bootstrap.Reason) string {
	switch reason {
	case bootstrap.ReadOnly, bootstrap.Unwritable, bootstrap.Denied:
		return "new shells there may not find the agent"
	case bootstrap.Full, bootstrap.Quota:
		return "make room there; new shells may not find the agent until then"
	case bootstrap.Edited, bootstrap.Unfinished, bootstrap.Several:
		return "remove mosha's block from it by hand, and it is written anew"
	}
	return ""
}

// Unset is Error for what failed while the set-up of a host was to be taken back.
func Unset(err error, host string) Failure {
	f := Error(err)
	var busy *control.BusyError
	var setup *control.SetupError
	switch {
	case errors.As(err, &busy):
		return Failure{busyWords(busy), "mosha stop " + host + " ends the agent's connection; then do this again", ExitRemote}
	case errors.As(err, &setup):
		f.Message, f.Hint = unsetWords(setup)
	}
	return f
}

func busyWords(e *control.BusyError) string {
	switch {
	case e.Sessions == 1:
		return "nothing was taken back: a session uses it"
	case e.Sessions > 1:
		return fmt.Sprintf("nothing was taken back: %d sessions use it", e.Sessions)
	}
	return "nothing was taken back: mosha keep keeps the connection"
}

// unsetWords is setupWords for what is not taken back.
func unsetWords(err *control.SetupError) (message, hint string) {
	var file *bootstrap.FileError
	if !errors.As(err.Err, &file) {
		message, hint = scriptWords(err.Err)
		return "nothing was taken back: " + message, hint
	}
	what := "still"
	switch file.Reason {
	case bootstrap.Unreadable, bootstrap.TooLarge:
		what, hint = "perhaps still", "look for mosha's lines in it"
	case bootstrap.Edited, bootstrap.Unfinished, bootstrap.Several:
		hint = "remove mosha's lines from it by hand"
	case bootstrap.Full, bootstrap.Quota:
		hint = "make room there, and do this again"
	}
	return fmt.Sprintf("%s on the remote: %s: %v", what, strings.Join(err.Paths, ", "), file.Reason), hint
}

// Written says once that a launch has changed files on a host.
func Written(paths []string, host string) string {
	last := len(paths) - 1
	list := paths[last]
	if last > 0 {
		list = strings.Join(paths[:last], ", ") + " and " + list
	}
	return fmt.Sprintf("set up %s on %s (mosha unsetup %s takes it back)", list, host, host)
}

// Outcome says what set-up did with a file, or in a preview would do.
func Outcome(f bootstrap.FileResult, preview bool) string {
	words := string(f.Action)
	switch f.Action {
	case bootstrap.InPlace:
		words = "already in place"
	case bootstrap.Skipped:
		words = "left alone"
	case bootstrap.Created, bootstrap.Changed, bootstrap.Restored, bootstrap.Removed:
		if preview {
			words = "would be " + words
		}
	}
	line := f.Path + ": " + words
	if f.Cause == nil {
		return line
	}
	why := string(f.Cause.Reason)
	if f.Cause.Reason == bootstrap.Private {
		why += ": " + f.Cause.Detail
	}
	return line + " (" + why + ")"
}
