package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"github.com/mosha-ssh/mosha/internal/keeper"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// The exit codes of everything that is not mosh itself.
const (
	exitFailure = 1 // something here
	exitUsage   = 2
	exitNotUp   = 3 // status: the one host's connection is not up
	exitNetwork = 4
	exitHostKey = 5
	exitAuth    = 6
	exitRemote  = 7 // set-up of the remote, or its removal, failed
)

const exitCodes = `1 something failed here, 2 bad usage, 3 (status) not up, 4 no connection, 5 host key refused, ` +
	`6 not authenticated, 7 set-up of the remote, or its removal, failed.`

// explanation is an error in words: what failed, what to do about it, and the
// exit code.
type explanation struct {
	message string
	hint    string
	code    int
}

// explain finds the words for an error. It goes from the outside in: an error
// that wraps another may add to what that one says.
func explain(err error) explanation {
	for _, words := range []func(error) (explanation, bool){
		explainTypo, explainHost, explainKept, explainUsage, explainHere, explainKeeper, explainDirs, explainTransport, explainNetwork, explainHostKey, explainAuth, explainRemote,
	} {
		if e, ok := words(err); ok {
			return e
		}
	}
	return explanation{message: err.Error(), code: exitFailure}
}

// keptError is a failure that the keeper's log may tell more about.
type keptError struct {
	Config *sshconfig.Config // what was configured
	Log    string
	Err    error
}

func (e *keptError) Error() string { return e.Err.Error() }
func (e *keptError) Unwrap() error { return e.Err }

func explainKept(err error) (explanation, bool) {
	var kept *keptError
	if !errors.As(err, &kept) {
		return explanation{}, false
	}
	e := explain(kept.Err)
	if e.code == exitUsage {
		return e, true
	}
	if hint, ok := configuredHint(kept.Err, kept.Config); ok {
		e.hint = hint
	}
	switch {
	case isAnswered(kept.Err):
	case strings.HasSuffix(e.hint, kept.Log): // named already
	case e.hint == "":
		e.hint = "log: " + kept.Log
	default:
		e.hint += "; log: " + kept.Log
	}
	return e, true
}

// isAnswered reports whether a failure is a person's own answer: they know more
// about that than any log.
func isAnswered(err error) bool {
	var auth *sshconn.AuthError
	var key *sshconn.HostKeyError
	return errors.As(err, &auth) && auth.Typed || errors.As(err, &key) && key.Problem == sshconn.KeyDeclined
}

// configuredHint is the hint where the usual one would name what is configured
// already.
func configuredHint(err error, config *sshconfig.Config) (hint string, ok bool) {
	var timeout *sshconn.TimeoutError
	var key *sshconn.HostKeyError
	var auth *sshconn.AuthError
	switch {
	case errors.As(err, &auth) && len(auth.Tried) == 0 && !auth.Interactive && !auth.Typed && keyless(config) != "":
		return keyless(config) + " in ssh_config lets no key be tried", true
	case errors.As(err, &timeout) && config.ConnectTimeout > 0:
		return "is there a network, and does ssh get there?", true
	case errors.As(err, &key) && key.Problem == sshconn.KeyUnknown && config.BatchMode:
		return "BatchMode yes lets nobody be asked: connect once without it", true
	}
	return "", false
}

// keyless is the setting by which ssh logs in with no key; "" if it does with one.
func keyless(config *sshconfig.Config) string {
	switch preferred := config.PreferredAuthentications; {
	case !config.PubkeyAuthentication:
		return "PubkeyAuthentication no"
	case len(preferred) > 0 && !slices.Contains(preferred, "publickey"):
		return "PreferredAuthentications " + strings.Join(preferred, ",")
	}
	return ""
}

func explainUsage(err error) (explanation, bool) {
	var usage *usageError
	var quote *sshconfig.QuoteError
	var words *sshconfig.WordsError
	var destination *sshconfig.DestinationError
	switch {
	case errors.As(err, &usage):
		return explanation{usage.Text, cmp.Or(usage.Hint, "mosha --help lists what there is"), exitUsage}, true
	case errors.As(err, &quote):
		return explanation{fmt.Sprintf("--ssh: %v", quote), "quote it as for a shell", exitUsage}, true
	case errors.As(err, &words):
		return explanation{fmt.Sprintf("--ssh: %v", words), "it is ssh and its options, without a host: --ssh=\"ssh -p 2222\"", exitUsage}, true
	case errors.As(err, &destination):
		return explanation{destination.Error(), "a destination is [user@]host", exitUsage}, true
	}
	return explanation{}, false
}

// missingError says that a program is not installed here. Package is empty if
// the program was named by the user.
type missingError struct{ Program, Package string }

func (e *missingError) Error() string {
	if e.Package == "" {
		return "there is no program " + e.Program + " here"
	}
	return e.Program + " is not installed here"
}

// sizeError says that the terminal has no size.
type sizeError struct{ Columns, Rows int }

func (e *sizeError) Error() string {
	return fmt.Sprintf("the terminal says that its size is %dx%d", e.Columns, e.Rows)
}

// familyError says that the open connection is of another address family.
type familyError struct{ Family, Address string }

func (e *familyError) Error() string {
	return fmt.Sprintf("%s was asked for, but the open connection is to %s", e.Family, e.Address)
}

// agentError says that there is no agent here to forward. Setting is what names it
// in ssh_config, empty if that is silent.
type agentError struct{ Path, Setting string }

func (e *agentError) Error() string { return e.cause() + ", so the session has none" }

func (e *agentError) cause() string {
	switch {
	case e.Path == "" && e.Setting == "":
		return "no SSH agent runs here"
	case e.Path == "":
		return e.Setting + " in ssh_config names no agent"
	case e.Setting == "":
		return "no SSH agent answers at " + e.Path
	}
	return fmt.Sprintf("no SSH agent answers at %s, which %s in ssh_config names", e.Path, e.Setting)
}

func (e *agentError) hint() string {
	if e.Setting == "" {
		return "start one: eval $(ssh-agent) && ssh-add"
	}
	return "start that agent, or have " + e.Setting + " name the one that runs"
}

// errNoTerminal says that mosh would have no terminal to work on.
var errNoTerminal = errors.New("standard input is not a terminal, and a mosh session needs one")

func explainHere(err error) (explanation, bool) {
	var missing *missingError
	var noSSH *sshconfig.NoSSHError
	var size *sizeError
	var family *familyError
	var agent *agentError
	switch {
	case errors.As(err, &missing):
		return explanation{missing.Error(), install(missing.Package), exitFailure}, true
	case errors.As(err, &noSSH) && !errors.Is(noSSH, exec.ErrNotFound) && !errors.Is(noSSH, fs.ErrNotExist):
		return explanation{noSSH.Error(), namedPlace, exitFailure}, true
	case errors.As(err, &noSSH):
		if noSSH.Program != "ssh" {
			return explanation{"there is no program " + noSSH.Program + " here", install(""), exitFailure}, true
		}
		return explanation{noSSH.Program + " is not installed here", install("openssh-client"), exitFailure}, true
	case errors.As(err, &size):
		return explanation{size.Error(), "set it: stty rows 24 columns 80", exitFailure}, true
	case errors.As(err, &family):
		return explanation{family.Error(), "end that first: mosha stop HOST", exitFailure}, true
	case errors.As(err, &agent):
		return explanation{agent.Error(), agent.hint(), exitFailure}, true
	}
	return explanation{}, false
}

// namedPlace is what there is to ask about a program that the user has named.
const namedPlace = "is that its name, and its place?"

// install says how a package comes here; "" is that of a program that the user
// has named.
func install(name string) string {
	if name == "" {
		return namedPlace
	}
	if runtime.GOOS == "darwin" {
		return "install the package " + name + ": brew install " + name
	}
	return "install the package " + name
}

func explainDirs(err error) (explanation, bool) {
	var dir *rundir.DirError
	if !errors.As(err, &dir) {
		return explanation{}, false
	}
	e := explanation{code: exitFailure}
	switch dir.Reason {
	case "owner":
		e.message = fmt.Sprintf("%s belongs to user %d, not to you", dir.Path, dir.Owner)
		e.hint = "have it removed, or set " + dir.Setting + " to a directory of yours"
	case "mode":
		e.message = fmt.Sprintf("others may enter or write %s (mode %04o)", dir.Path, dir.Mode)
		e.hint = "chmod 700 " + dir.Path
	case "kind":
		e.message = dir.Path + " is not a directory"
		e.hint = "remove it, or set " + dir.Setting + " to a directory of yours"
	case "length":
		e.message = fmt.Sprintf("%s is too long a name for a Unix socket (%d bytes)", dir.Path, len(dir.Path))
		e.hint = "set XDG_RUNTIME_DIR to a directory with a shorter name"
	default:
		e.message = dir.Error()
	}
	return e, true
}

func explainNetwork(err error) (explanation, bool) {
	var resolve *sshconn.ResolveError
	var connect *sshconn.ConnectError
	var timeout *sshconn.TimeoutError
	var closed *sshconn.ClosedError
	var proxy *sshconn.ProxyError
	var disconnect *sshconn.DisconnectError
	var protocol *sshconn.ProtocolError
	var algorithm *sshconn.AlgorithmError
	var noPath *noPathError
	var far *farError
	e := explanation{code: exitNetwork}
	switch {
	case errors.As(err, &noPath), errors.As(err, &far), errors.Is(err, errNoAddress):
		e.message, e.hint = err.Error(), "--udp-address HOST names one that can be reached from here"
	case errors.As(err, &resolve):
		e.message, e.hint = resolve.Error(), "is the name right, and is there a network?"
	case errors.As(err, &connect):
		e.message, e.hint = connect.Error(), connectHint(connect)
	case errors.As(err, &timeout):
		e.message, e.hint = timeout.Error(), "try ssh; ConnectTimeout in ssh_config sets how long mosha waits"
	case errors.As(err, &closed) && closed.Phase == sshconn.PhaseSession:
		e.message = fmt.Sprintf("%s let you in and closed the connection", closed.Host)
		e.hint = "its log may say why; does ssh get further?"
	case errors.As(err, &closed) && closed.Phase == sshconn.PhaseAuth:
		e.message, e.hint = closed.Error(), "its log may say why; does ssh get further?"
	case errors.As(err, &closed):
		e.message, e.hint = closed.Error(), "the server may be overloaded or refuse this address"
	case errors.As(err, &proxy):
		e.message, e.hint = proxy.Error(), "try it by itself: "+proxy.Command
	case errors.As(err, &disconnect):
		e.message = disconnect.Error()
	case errors.As(err, &protocol):
		e.message, e.hint = protocolWords(protocol), "is it an SSH server that listens there?"
	case errors.As(err, &algorithm):
		e.message = fmt.Sprintf("%s; the server has %s", algorithm.Error(), strings.Join(algorithm.Theirs, ","))
	default:
		return e, false
	}
	return e, true
}

// protocolWords says where it was that the server was not understood. What was
// wrong is in the log, in a library's words.
func protocolWords(e *sshconn.ProtocolError) string {
	where := map[string]string{
		sshconn.PhaseBanner: "before its SSH version", sshconn.PhaseKex: "in the key exchange", sshconn.PhaseAuth: "in the login",
	}
	return "the server says something " + where[e.Phase] + " that is not understood here"
}

func connectHint(e *sshconn.ConnectError) string {
	switch e.Cause {
	case sshconn.CauseRefused:
		return "no SSH server listens on that port"
	case sshconn.CauseBind:
		return "it is to come from an address or interface that does not lead there: BindAddress or BindInterface in ssh_config"
	}
	return "is there a network?"
}

func explainRemote(err error) (explanation, bool) {
	var noServer *noServerError
	var badServer *badServerError
	var setup *keeper.SetupError
	var forward *keeper.ForwardError
	var noKeys *keeper.NoKeysError
	var room *keeper.RoomError
	e := explanation{code: exitRemote}
	switch {
	case errors.As(err, &noServer) && noServer.Code == 127 && noServer.Named != "":
		e.message, e.hint = fmt.Sprintf("there is no program %s on %s", noServer.Named, noServer.Host), namedPlace
	case errors.As(err, &noServer) && noServer.Code == 127:
		e.message = "mosh-server is not installed on " + noServer.Host
		e.hint = "install the package mosh there, or say where it is with --server"
	case errors.As(err, &noServer):
		e.message = noServer.Error()
	case errors.As(err, &badServer):
		e.message, e.hint = badServer.Error(), "another program there may answer to that name: say where mosh-server is with --server"
	case errors.As(err, &setup):
		e.message, e.hint = setupWords(setup)
	case errors.As(err, &forward):
		e.message, e.hint = forwardWords(forward)
	case errors.As(err, &noKeys):
		e.message, e.hint = noKeysWords(noKeys), "add one: ssh-add; or unlock it: ssh-add -X"
	case errors.As(err, &room):
		e.message, e.hint = "the server opens no more sessions on the connection", roomHint(room)
	default:
		return e, false
	}
	return e, true
}

func roomHint(err *keeper.RoomError) string {
	if !err.OpenSSH {
		return ""
	}
	return "sshd_config there: MaxSessions"
}
