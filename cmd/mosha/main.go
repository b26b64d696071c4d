// Command mosha is mosh with the SSH agent: "mosha devbox" instead of
// "mosh devbox", and in that session git, ssh and ssh-add use the keys on the
// laptop.
//
// The flow of a launch: connect.go checks what mosh will need, launch.go resolves
// the destination, finds or spawns its keeper and answers the keeper's questions
// (person.go), and connect.go execs mosh. mosh runs "mosha ssh" (ssh.go) as its
// ssh command, which starts mosh-server over the keeper's connection. "mosha
// keeper" (keeper.go) is the background process itself. Package explain has the
// words for a person, package tty the terminal, and ui.go writes to it.
//
// Each command has its flags in its own file, and those that several commands
// take in sharedflags.go; sshoptions.go has what mosha says of ssh's own.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/alecthomas/kong"

	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/sshconn/helper"
)

// version is set when a release is built.
var version = "dev"

// cli is the command line. Connect is the default command, so that
// "mosha devbox" needs no word for it.
type cli struct {
	Version kong.VersionFlag `help:"Print the version and exit."`

	Connect   connectCmd   `cmd:"" default:"withargs" help:"Start a mosh session (the default; spelled out for a host named like a command)."`
	Keep      keepCmd      `cmd:"" help:"Connect, and stay connected until mosha stop."`
	Forward   forwardCmd   `cmd:"" help:"List the tunnels of a connection in the background, add some, or end some."`
	Reconnect reconnectCmd `cmd:"" help:"Connect again where that waits for you, or is tried only now and then. It stays for as long as before."`
	Status    statusCmd    `cmd:"" help:"Show the connections in the background."`
	Log       logCmd       `cmd:"" help:"Show what happened to the connection to a host."`
	Doctor    doctorCmd    `cmd:"" help:"Say what works, what does not, and what to do about it."`
	Stop      stopCmd      `cmd:"" help:"End connections in the background. Their mosh sessions go on, without the agent."`

	Unsetup unsetupCmd `cmd:"" help:"Take back what set-up wrote on the remote, and the link to the agent."`
	Help    helpCmd    `cmd:"" help:"Show the help of a command."`
	Release versionCmd `cmd:"" name:"version" help:"Print the version."`

	SSH    standInCmd `cmd:"" name:"ssh" hidden:""`
	Keeper keeperCmd  `cmd:"" hidden:""`
}

const description = `mosh with your SSH agent: in the session, git, ssh and ssh-add use the keys on this machine.

  mosha [flags] [user@]host [-- command...]

The flags are mosh's own, --setup-only, --dry-run, --linger, --transport, and -L, -R and -D: mosha connect --help.

Exit status: mosh's own once the session has begun; before that ` + explain.ExitCodes

func main() { os.Exit(run()) }

// run is the whole program but for its exit.
func run() int {
	// An ssh of ours runs this program by another name, to ask a person or for
	// its connection; that is no command line of a person's.
	if code, ok := helper.Run(os.Args); ok {
		return code
	}
	var c cli
	parser, err := kong.New(&c,
		kong.Name("mosha"),
		kong.Description(description),
		kong.Vars{"version": "mosha " + version},
		kong.UsageOnError(),
	)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mosha:", err)
		return explain.ExitHere
	}
	ctx, err := parser.Parse(os.Args[1:])
	if err != nil {
		var parse *kong.ParseError
		if errors.As(err, &parse) {
			err = misuse(parse)
		}
		return complain(err)
	}
	return complain(ctx.Run())
}
