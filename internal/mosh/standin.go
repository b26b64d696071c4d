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
			return Request{}, badArgs(arg)
		default:
			r.Destination, r.Command = arg, args[i+2]
			return r, nil
		}
	}
	return Request{}, badArgs("")
}

func badArgs(arg string) error {
	return fmt.Errorf("mosh called its --ssh command with an unknown argument %q", arg)
}

// endedLine is what ServerCommand's start prints when it fails. The exit status
// alone would not do: it is the login shell's, and some shells have their own.
var endedLine = regexp.MustCompile(`^` + endedPrefix + `([0-9]{1,3})\s*$`)

// ExitStatus returns what a line MOSHA EXIT says.
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

// Relay passes on what the server's start prints, line by line. It holds the
// CONNECT line back until the session may begin.
type Relay struct {
	Print func(line []byte) // for the user, with the line's end
	Found func(path string) // the remote says that the server is outside PATH

	Connect []byte // the CONNECT line once it has come, nil before
	Broken  error  // of a CONNECT line that the wrapper or mosh-client would die of, nil if there was none
	// Pid is the server's process id, "" before the server prints it, which it
	// does when it leaves for the background, after CONNECT.
	Pid  string
	Code int // the exit status of a line MOSHA EXIT, 0 if there was none

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

// flush passes on what is there. If more is true, its line goes on.
func (r *Relay) flush(more bool) {
	line, whole := r.partial, !r.long && !more
	r.partial, r.long = nil, more
	if len(line) > 0 && (!whole || !r.takes(line)) && r.Connect == nil {
		r.Print(line)
	}
}

// takes reports whether a line is not for the user's eyes, and notes what it
// says. Only the stand-in may name an address, so a remote that prints one is
// not believed.
func (r *Relay) takes(line []byte) bool {
	text := strings.TrimSuffix(string(line), "\n")
	if said := detached.FindStringSubmatch(text); said != nil {
		r.Pid = said[1]
	}
	found, isFound := strings.CutPrefix(text, foundPrefix)
	code, ended := ExitStatus(text)
	switch {
	case r.Connect != nil, strings.HasPrefix(text, "MOSH IP "):
	case strings.HasPrefix(text, connectPrefix):
		if _, r.Broken = ParseConnect(text); r.Broken == nil {
			r.Connect = line
		}
	case isFound:
		r.Found(strings.TrimSpace(found))
	case ended:
		r.Code = code
	default:
		return false
	}
	return true
}
