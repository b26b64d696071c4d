package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/keeper"
)

// hostError is what failed for one of the hosts that were named.
type hostError struct {
	Name string // what its line begins with, empty if it was the only one
	Host string
	Undo bool // its set-up was to be taken back
	Err  error
}

func (e *hostError) Error() string { return e.Name + e.Err.Error() }
func (e *hostError) Unwrap() error { return e.Err }

func explainHost(err error) (explanation, bool) {
	var host *hostError
	var busy *keeper.BusyError
	var setup *keeper.SetupError
	if !errors.As(err, &host) {
		return explanation{}, false
	}
	e := explain(host.Err)
	switch {
	case errors.As(host.Err, &busy):
		e = explanation{busyWords(busy), "mosha stop " + host.Host + " ends the agent's connection; then do this again", exitRemote}
	case host.Undo && errors.As(host.Err, &setup):
		e.message, e.hint = undoWords(setup)
	}
	e.message = host.Name + e.message
	return e, true
}

func busyWords(e *keeper.BusyError) string {
	switch {
	case e.Sessions == 1:
		return "nothing was taken back: a session uses it"
	case e.Sessions > 1:
		return fmt.Sprintf("nothing was taken back: %d sessions use it", e.Sessions)
	}
	return "nothing was taken back: mosha keep keeps the connection"
}

// undoWords is setupWords for what could not be taken back.
func undoWords(err *keeper.SetupError) (message, hint string) {
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

// writtenLine says once that a launch has changed files on a host.
func writtenLine(paths []string, host string) string {
	last := len(paths) - 1
	list := paths[last]
	if last > 0 {
		list = strings.Join(paths[:last], ", ") + " and " + list
	}
	return fmt.Sprintf("set up %s on %s (mosha unsetup %s takes it back)", list, host, host)
}

// outcomeLine says what was done with a file, or in a preview would be.
func outcomeLine(f keeper.FileOutcome, preview bool) string {
	words := map[bootstrap.Action]string{
		bootstrap.InPlace:  "already in place",
		bootstrap.Created:  "created",
		bootstrap.Changed:  "changed",
		bootstrap.Restored: "restored",
		bootstrap.Removed:  "removed",
		bootstrap.Skipped:  "left alone",
		bootstrap.Failed:   "failed",
	}
	line := f.Path + ": "
	switch f.Action {
	case bootstrap.Created, bootstrap.Changed, bootstrap.Restored, bootstrap.Removed:
		if preview {
			line += "would be "
		}
	}
	line += words[f.Action]
	var file *bootstrap.FileError
	if !errors.As(f.Err(), &file) {
		return line
	}
	why := file.Reason.String()
	if file.Reason == bootstrap.Private {
		why += ": " + file.Detail
	}
	return line + " (" + why + ")"
}
