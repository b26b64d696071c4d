package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/keeper"
	"github.com/mosha-ssh/mosha/internal/mosh"
)

// standInCmd is what mosh is given as its ssh command. It has mosh-server
// started over the keeper's connection and says what mosh waits to hear. mosh
// reads both of its outputs and shows the lines that are not for itself.
type standInCmd struct {
	KeeperID string   `name:"keeper" required:""`
	LeaseFD  int      `name:"lease" required:""`
	Args     []string `arg:"" passthrough:""`
}

// Run returns as soon as the CONNECT line is handed over, or with the code of
// the remote command that should have started mosh-server.
func (s standInCmd) Run() error {
	// The lease is mosh's: what is left behind here must not hold it.
	_ = unix.Close(s.LeaseFD)
	args := s.Args
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	request, err := mosh.ParseArgs(args)
	if err != nil {
		return err
	}
	dirs, err := keeper.FindDirs(os.Getenv)
	if err != nil {
		return err
	}
	client, err := keeper.Connect(context.Background(), dirs, s.KeeperID)
	if err != nil {
		return err
	}
	defer client.Close()
	return startServer(client, request)
}

// startServer relays the server's start. CONNECT comes last, when the keeper
// has said that the remote is ready.
func startServer(client *keeper.Client, request mosh.Request) error {
	fresh := true // at the beginning of a line
	relay := mosh.Relay{Print: func(line []byte) {
		fresh = bytes.HasSuffix(line, []byte("\n"))
		_, _ = os.Stdout.WriteString(showable(line))
	}}
	address := ""
	start := keeper.Start{Command: mosh.WithAgent(request.Command, bootstrap.LinkPath)}
	if request.Pty {
		start.Pty = currentTerminal()
	}
	code, err := client.Start(start, keeper.Server{
		Output: func(p []byte) { _, _ = relay.Write(p) },
		Settled: func(there string, warnings []error) {
			address = there
			for _, warning := range warnings {
				warn(warning)
			}
		},
		Done: func() bool { return address != "" && relay.Connect() != nil },
	})
	relay.End()
	if !fresh {
		fmt.Println()
	}
	if address != "" && request.WantIP {
		fmt.Println("MOSH IP", address)
	}
	switch {
	case err != nil:
		return err
	case relay.Connect() != nil:
		_, err := os.Stdout.Write(relay.Connect())
		return err
	}
	return &noServerError{Host: request.Destination, Code: code}
}

// showable keeps a remote's start-up files from more than text: the terminal
// is this machine's.
func showable(line []byte) string {
	text := strings.TrimRight(string(line), "\r\n")
	return printable(text) + string(line[len(text):])
}

// currentTerminal describes the terminal mosh was started on; mosh-server is
// started on one of the same kind.
func currentTerminal() *keeper.Pty {
	pty := &keeper.Pty{Term: os.Getenv("TERM"), Columns: 80, Rows: 24}
	if columns, rows, err := term.GetSize(int(os.Stdin.Fd())); err == nil && columns > 0 && rows > 0 {
		pty.Columns, pty.Rows = uint32(columns), uint32(rows)
	}
	return pty
}

// noServerError says that the remote command ended without mosh-server.
type noServerError struct {
	Host string
	Code int // of the remote shell; 127: no such command
}

func (e *noServerError) Error() string {
	return fmt.Sprintf("mosh-server did not start on %s (exit status %d)", e.Host, e.Code)
}
