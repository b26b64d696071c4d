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
// own, by -J or by its configuration, and ssh passes no options on to the ssh
// that it runs for those. But it runs that by the name that it was itself run
// by (ssh.c, argv0), so that name is one of our program's, which becomes ssh
// with the options:
//
//	keeper -> ssh, as DIR/ssh -> sh -> DIR/ssh (our program) -> ssh, as DIR/ssh -> ...

// JumpOptions are those options. No ssh of ours becomes a ControlMaster, which
// would stay. It may use one of the user's for the hop, which may spare a person
// a second factor, but not where that may well have died: where the network was
// lost, or no person is there. Then it adds no key to an agent, either.
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

// LeadOn has an ssh that is to be started run our program, in dir, for its own
// jump hosts. ssh puts that name into a command line as it is.
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
