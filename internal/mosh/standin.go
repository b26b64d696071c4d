package mosh

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Request is what the wrapper asks of its --ssh command.
type Request struct {
	Destination string // [user@]host as the wrapper passes it on
	Command     string // for the remote user's shell: starts mosh-server
	Pty         bool   // -tt: a terminal for the server's start
	WantIP      bool   // the wrapper expects a "MOSH IP" line ("proxy" mode)
}

// ArgsError says that the wrapper called its --ssh command in a way that this
// package does not know.
type ArgsError struct{ Arg string }

func (e *ArgsError) Error() string {
	return fmt.Sprintf("mosh called its --ssh command with an unknown argument %q", e.Arg)
}

// ParseArgs takes apart the arguments with which the wrapper calls its --ssh
// command:
//
//	-n [-tt] [-4|-6] [-S none -o ProxyCommand=...] DESTINATION -- COMMAND
//
// WantIP is set when ProxyCommand is there, since that proxy would have printed
// the address.
func ParseArgs(args []string) (Request, error) {
	var r Request
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "-tt":
			r.Pty = true
		case arg == "-n", arg == "-4", arg == "-6":
		case arg == "-S" && i+1 < len(args):
			i++
		case arg == "-o" && i+1 < len(args):
			i++
			r.WantIP = r.WantIP || strings.HasPrefix(args[i], "ProxyCommand=")
		case strings.HasPrefix(arg, "-") || len(args) != i+3 || args[i+1] != "--":
			return Request{}, &ArgsError{Arg: arg}
		default:
			r.Destination, r.Command = arg, args[i+2]
			return r, nil
		}
	}
	return Request{}, &ArgsError{}
}

// endedLine is what ServerCommand's start prints when it fails. The exit status
// alone would not do: it is the login shell's, and some shells have their own.
var endedLine = regexp.MustCompile(`^` + endedPrefix + `([0-9]{1,3})\s*$`)

// ExitStatus returns what an [Ended] line says.
func ExitStatus(line string) (code int, ok bool) {
	said := endedLine.FindStringSubmatch(line)
	if said == nil {
		return 0, false
	}
	code, err := strconv.Atoi(said[1])
	return code, err == nil
}

// detached is what the server prints when it goes on in the background.
var detached = regexp.MustCompile(`^\[mosh-server detached, pid = ([1-9][0-9]{0,9})\]\s*$`)

// Line is what a line from the server's start means to the wrapper.
type Line int

// What a line can be.
const (
	Other   Line = iota // for the user's eyes
	Connect             // the server listens; port and key follow
	Found               // the server was not in PATH; where it is follows
	Ended               // the start failed; its exit status follows
	Forged              // one that only the stand-in may say
	Broken              // a CONNECT line that no client can use
)

// Classify tells the lines apart that the remote's start-up files and
// mosh-server print. Only the stand-in may name an address, so a remote that
// prints one is not believed. Nor is a CONNECT line that the wrapper or
// mosh-client would die of.
func Classify(line string) Line {
	switch {
	case strings.HasPrefix(line, connectPrefix):
		if _, err := ParseConnect(line); err != nil {
			return Broken
		}
		return Connect
	case strings.HasPrefix(line, foundPrefix):
		return Found
	case endedLine.MatchString(line):
		return Ended
	case strings.HasPrefix(line, "MOSH IP "):
		return Forged
	}
	return Other
}

// Relay passes on what the server's start prints, line by line. It holds the
// CONNECT line back until the session may begin.
type Relay struct {
	Print func(line []byte) // for the user, with the line's end
	Found func(path string) // the remote says that the server is outside PATH

	connect []byte
	broken  error
	pid     string
	code    int
	partial []byte
	long    bool // the line at hand was passed on in part
}

// maxLine bounds a line that Relay reads, in bytes. It passes a longer one on
// in pieces, and takes none of them for a line of mosh's.
const maxLine = 4 << 10

// Write takes the next piece of output.
func (r *Relay) Write(p []byte) (int, error) {
	for _, piece := range bytes.SplitAfter(p, []byte("\n")) {
		r.partial = append(r.partial, piece...)
		ended := bytes.HasSuffix(r.partial, []byte("\n"))
		if ended || len(r.partial) > maxLine {
			r.flush(!ended)
		}
	}
	return len(p), nil
}

// End passes on a last line without an end.
func (r *Relay) End() { r.flush(false) }

// Connect returns the CONNECT line once it has come, nil before.
func (r *Relay) Connect() []byte { return r.connect }

// Broken returns the *ConnectError of a CONNECT line that no client can use,
// nil if there was none.
func (r *Relay) Broken() error { return r.broken }

// Pid returns the server's process id, "" before the server prints it, which it
// does when it leaves for the background, after CONNECT.
func (r *Relay) Pid() string { return r.pid }

// Code returns the exit status of an [Ended] line, 0 if there was none.
func (r *Relay) Code() int { return r.code }

// flush passes on what is there. If more is true, its line goes on.
func (r *Relay) flush(more bool) {
	line, whole := r.partial, !r.long && !more
	r.partial, r.long = nil, more
	kind := Other
	if whole {
		kind = Classify(strings.TrimSuffix(string(line), "\n"))
		if said := detached.FindSubmatch(line); said != nil {
			r.pid = string(said[1])
		}
	}
	switch {
	case len(line) == 0, kind == Forged, r.connect != nil:
	case kind == Connect:
		r.connect = line
	case kind == Broken:
		_, r.broken = ParseConnect(strings.TrimSuffix(string(line), "\n"))
	case kind == Ended:
		r.code, _ = ExitStatus(strings.TrimSuffix(string(line), "\n"))
	case kind == Found:
		r.Found(strings.TrimSpace(strings.TrimPrefix(string(line), foundPrefix)))
	default:
		r.Print(line)
	}
}
