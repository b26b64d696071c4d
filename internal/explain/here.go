package explain

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"runtime"

	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

// Usage is a wrong command line. The hint may be empty: then it is the usual
// one.
func Usage(message, hint string) *Failure {
	return &Failure{message, cmp.Or(hint, "mosha --help lists what there is"), ExitUsage}
}

func usage(err error) Failure {
	var quote *sshconfig.QuoteError
	var words *sshconfig.WordsError
	var destination *sshconfig.DestinationError
	switch {
	case errors.As(err, &quote):
		return Failure{fmt.Sprintf("--ssh: %v", quote), "quote it as for a shell", ExitUsage}
	case errors.As(err, &words):
		return Failure{fmt.Sprintf("--ssh: %v", words), "it is ssh and its options, without a host: --ssh=\"ssh -p 2222\"", ExitUsage}
	case errors.As(err, &destination):
		return Failure{destination.Error(), "a destination is [user@]host", ExitUsage}
	}
	return Failure{}
}

// here is about this machine.
func here(err error) Failure {
	var noSSH *sshconfig.NoSSHError
	switch {
	case !errors.As(err, &noSSH):
		return Failure{}
	case !errors.Is(noSSH, exec.ErrNotFound) && !errors.Is(noSSH, fs.ErrNotExist):
		return Failure{noSSH.Error(), namedPlace, ExitHere}
	case noSSH.Program != "ssh":
		return *Missing(noSSH.Program, "")
	}
	return *Missing(noSSH.Program, "openssh-client")
}

// Missing is a program that is not installed here. The name of its package is
// empty if the user has named the program.
func Missing(program, name string) *Failure {
	if name == "" {
		return &Failure{"there is no program " + program + " here", namedPlace, ExitHere}
	}
	return &Failure{program + " is not installed here", install(name), ExitHere}
}

// namedPlace is what there is to ask about a program that the user has named.
const namedPlace = "is that its name, and its place?"

// install says how a package comes here.
func install(name string) string {
	if runtime.GOOS == "darwin" {
		return "install the package " + name + ": brew install " + name
	}
	return "install the package " + name
}

// Family is an open connection of another address family than the one that was
// asked for.
func Family(family, address string) *Failure {
	return &Failure{
		fmt.Sprintf("%s was asked for, but the open connection is to %s", family, address),
		"end that first: mosha stop HOST", ExitHere,
	}
}

// NoAgent is the lack of an agent to forward. The setting is what names it in
// ssh_config, empty if that is silent.
func NoAgent(path, setting string) *Failure {
	f := noAgent(path, setting)
	f.Message += ", so the session has none"
	return &f
}

func noAgent(path, setting string) Failure {
	f := Failure{Hint: "start that agent, or have " + setting + " name the one that runs", Code: ExitHere}
	if setting == "" {
		f.Hint = "start one: eval $(ssh-agent) && ssh-add"
	}
	switch {
	case path == "" && setting == "":
		f.Message = "no SSH agent runs here"
	case path == "":
		f.Message = setting + " in ssh_config names no agent"
	case setting == "":
		f.Message = "no SSH agent answers at " + path
	default:
		f.Message = fmt.Sprintf("no SSH agent answers at %s, which %s in ssh_config names", path, setting)
	}
	return f
}

func directory(err error) Failure {
	var dir *rundir.DirError
	if !errors.As(err, &dir) {
		return Failure{}
	}
	f := Failure{Message: dir.Error(), Code: ExitHere}
	switch dir.Reason {
	case "owner":
		f.Message = fmt.Sprintf("%s belongs to user %d, not to you", dir.Path, dir.Owner)
		f.Hint = "have it removed, or set " + dir.Setting + " to a directory of yours"
	case "mode":
		f.Message = fmt.Sprintf("others may enter or write %s (mode %04o)", dir.Path, dir.Mode)
		f.Hint = "chmod 700 " + dir.Path
	case "kind":
		f.Message = dir.Path + " is not a directory"
		f.Hint = "remove it, or set " + dir.Setting + " to a directory of yours"
	case "length":
		f.Message = fmt.Sprintf("%s is too long a name for a Unix socket (%d bytes)", dir.Path, len(dir.Path))
		f.Hint = "set XDG_RUNTIME_DIR to a directory with a shorter name"
	}
	return f
}
