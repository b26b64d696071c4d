// Package explain has all words for a person: errors and notes become a message,
// a hint and an exit code, a keeper's questions become ssh's own, and the
// doctor's checks become a cause and a cure.
//
// Errors come here as the data that the other packages make of them. What only
// the command line knows of is made a Failure where it is found.
package explain

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// The exit codes of everything that is not mosh itself.
const (
	ExitHere    = 1 // something failed here
	ExitUsage   = 2
	ExitNotUp   = 3 // status: the one host's connection is not up
	ExitNetwork = 4
	ExitHostKey = 5
	ExitAuth    = 6
	ExitRemote  = 7 // set-up of the remote, or its removal, failed
)

// ExitCodes is the list of them for --help.
const ExitCodes = `1 something failed here, 2 bad usage, 3 (status) not up, 4 no connection, 5 host key refused, ` +
	`6 not authenticated, 7 set-up of the remote, or its removal, failed.`

// Failure is an error in words.
type Failure struct {
	Message string // what failed
	Hint    string // what to do about it, "" if nothing is known
	Code    int    // the exit code
}

func (f *Failure) Error() string { return f.Message }

// Error finds the words for an error.
func Error(err error) Failure {
	if own := (*Failure)(nil); errors.As(err, &own) {
		return *own
	}
	// Each leaves the message empty for an error of another's.
	for _, words := range []func(error) Failure{
		usage, here, background, directory, transport, network, hostKey, auth, remote,
	} {
		if f := words(err); f.Message != "" {
			return f
		}
	}
	return Failure{Message: err.Error(), Code: ExitHere}
}

// OfKeeper is Error for what failed a keeper whose log may tell more. The hint
// does not name what is configured already.
func OfKeeper(err error, config *sshconfig.Config, log string) Failure {
	f := Error(err)
	if f.Code == ExitUsage {
		return f
	}
	f.Hint = cmp.Or(configuredHint(err, config), f.Hint)
	switch {
	case isAnswered(err):
	case strings.HasSuffix(f.Hint, log): // named already
	case f.Hint == "":
		f.Hint = "log: " + log
	default:
		f.Hint += "; log: " + log
	}
	return f
}

// isAnswered reports whether a failure is a person's own answer: they know more
// about that than any log.
func isAnswered(err error) bool {
	var auth *sshconn.AuthError
	var key *sshconn.HostKeyError
	return errors.As(err, &auth) && auth.Typed || errors.As(err, &key) && key.Problem == sshconn.KeyDeclined
}

// configuredHint is the hint where the usual one would name what is configured
// already, else "".
func configuredHint(err error, config *sshconfig.Config) string {
	var timeout *sshconn.TimeoutError
	var key *sshconn.HostKeyError
	var auth *sshconn.AuthError
	switch {
	case errors.As(err, &auth) && len(auth.Tried) == 0 && !auth.Interactive && !auth.Typed && keyless(config) != "":
		return keyless(config) + " in ssh_config lets no key be tried"
	case errors.As(err, &timeout) && config.ConnectTimeout > 0:
		return "is there a network, and does ssh get there?"
	case errors.As(err, &key) && key.Problem == sshconn.KeyUnknown && config.BatchMode:
		return "BatchMode yes lets nobody be asked: connect once without it"
	}
	return ""
}

// keyless is the setting by which ssh logs in with no key; "" if it does with
// one.
func keyless(config *sshconfig.Config) string {
	switch preferred := config.PreferredAuthentications; {
	case !config.PubkeyAuthentication:
		return "PubkeyAuthentication no"
	case len(preferred) > 0 && !slices.Contains(preferred, "publickey"):
		return "PreferredAuthentications " + strings.Join(preferred, ",")
	}
	return ""
}
