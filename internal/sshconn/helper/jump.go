package helper

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"al.essio.dev/pkg/shellescape"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// Each ssh to a jump host gets options of ours. A hop may have jump hosts of its
// own, by -J or by its configuration. ssh passes no options on to the ssh that it
// runs for those, but it runs that by its own name (ssh.c, argv0). So its name is
// one of our program's, which becomes ssh with the options:
//
//	keeper -> ssh, as DIR/ssh -> sh -> DIR/ssh (our program) -> ssh, as DIR/ssh -> ...

// JumpOptions are those options. No ssh of ours becomes a ControlMaster, which
// would outlive the keeper. It may use one of the user's for the hop, which may
// spare a person a second factor, unless the network was lost or nobody is there:
// that master may be dead. Where nobody is there, it adds no key to an agent.
func JumpOptions(o *sshconn.Options) []string {
	switch {
	case o.Unattended():
		return []string{"-o", "ControlPath=none", "-o", "AddKeysToAgent=no"}
	case o.Lost:
		return []string{"-o", "ControlPath=none"}
	}
	return []string{"-o", "ControlMaster=no"}
}

// The variables that tell our program which ssh it is to become, and with which
// options, parted by blanks.
const (
	jumpProgramVar = "MOSHA_JUMP_SSH"
	jumpOptionsVar = "MOSHA_JUMP_OPTIONS"
)

// LeadOn makes cmd, an ssh that is still to start, run our program in dir for
// its own jump hosts. It does nothing if that name has a character that a shell
// or ssh would read: ssh puts the name into a command line as it is.
func LeadOn(cmd *exec.Cmd, dir Dir, options []string) {
	name := dir.jumpProgram()
	if cmd.Err != nil || shellescape.Quote(name) != name || strings.Contains(name, "%") {
		return
	}
	cmd.Args[0] = name
	cmd.Env = append(cmd.Env, jumpProgramVar+"="+cmd.Path, jumpOptionsVar+"="+strings.Join(options, " "))
}

// becomeSSH replaces this process by an ssh to a jump host.
func becomeSSH(args []string) error {
	program := os.Getenv(jumpProgramVar)
	if program == "" {
		return errNoSSH
	}
	argv := append([]string{args[0]}, strings.Fields(os.Getenv(jumpOptionsVar))...)
	return syscall.Exec(program, append(argv, args[1:]...), os.Environ())
}

var errNoSSH = errors.New("no ssh is named")
