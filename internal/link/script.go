package link

import (
	_ "embed"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mosha-ssh/mosha/internal/remotesh"
	"github.com/mosha-ssh/mosha/internal/text"
)

// The lines of holder.sh:
//
//	mosha-holder 1                 the script runs
//	conn FOUR FIELDS | conn -      SSH_CONNECTION
//	sshd PID START | sshd - -      the sshd of this session, and when it started
//	agent PATH | agent none        the socket that sshd made for this connection
//	place home|runtime|none|loop   where the link is, as FindPlace has it, or
//	                               that the agent is reached through the link
//
// and then an answer for each order but the last:
//
//	claim                link ok | link failed STEP WORDS
//	reclaim ACTOR OLDS   link ok | link kept | link failed STEP WORDS; tabs between the OLDS
//	ping TOKEN           pong TOKEN own|other|none|failed
//	bury PID START PATH  buried yes|no; PATH is its agent's socket
//	leave                the end, and the link stays as it is
//	quit                 the end; so is the end of input, SIGHUP and SIGTERM
const holderMarker = "mosha-holder 1"

//go:embed holder.sh
var holderScript string

// An order is a line for the holder's input.
type order string

// The orders without an argument.
const (
	claim order = "claim\n" // a person's act: take the link, whichever machine has it
	quit  order = "quit\n"  // remove the link if it is the holder's own, and end
	leave order = "leave\n" // end, and leave the link as it is
)

// reclaim returns the order of a connection that came about without a person.
// It takes the link if that leads to one of olds, the sockets of this
// keeper's earlier connections, if it leads nowhere, or if another keeper took
// it by repair and actor is set: this keeper was the last, as far as it knows,
// that a person acted on. The answer kept means that a person has acted elsewhere
// since.
func reclaim(actor bool, olds ...string) order {
	who := "no"
	if actor {
		who = "yes"
	}
	olds = slices.DeleteFunc(slices.Clone(olds), func(old string) bool {
		return !strings.HasPrefix(old, "/") || text.ASCII(old) != old
	})
	if len(olds) == 0 {
		olds = []string{"-"}
	}
	return order("reclaim " + who + " " + strings.Join(olds, "\t") + "\n")
}

// ping returns the order that is answered by a pong of the same token. With
// each the holder looks after the link: one that leads nowhere it takes. When
// the pings cease, it gives the link up, until the next.
func ping(token uint64) order { return order("ping " + strconv.FormatUint(token, 10) + "\n") }

// bury returns the order to end the sshd that an earlier connection of this
// keeper has left half-open, which frees those who hang on its agent socket. It
// is answered by a buried. Nothing is ended if s says too little to tell it
// from another process. The socket is removed unless somebody
// listens there then: sshd leaves it.
func bury(s process, socket string) order {
	if !strings.HasPrefix(socket, "/") || text.ASCII(socket) != socket {
		socket = "-"
	}
	if s.PID <= 1 || !validStamp(s.Start) {
		return order("bury - - " + socket + "\n")
	}
	return order("bury " + strconv.Itoa(s.PID) + " " + s.Start + " " + socket + "\n")
}

// script returns the script to write to the input of a shell in the session
// that asked for agent forwarding. first is an order that it carries out on its
// own when it starts, without costing a round trip, or "" for none. Further
// orders may be written only after reader.Next has returned once. Pings are to
// come at least once in every: when none has come for three to six times as
// long, the network is gone or the laptop sleeps, and the holder gives the link
// up. One that gets no order at all ends its sshd after the longer time: who
// started it may not know of that. Below a second, every takes a sleep(1) on the
// remote that knows fractions.
func script(first order, every time.Duration, f remotesh.Forwarding) []byte {
	vars := append([]string{"first", strings.TrimSuffix(string(first), "\n"), "patience", fmt.Sprintf("%g", 3*every.Seconds())}, f.Vars()...)
	return []byte(remotesh.Opening + remotesh.Vars(vars...) +
		remotesh.Strip(remotesh.FindAgent+remotesh.FindPlace+remotesh.Loops+holderScript))
}

// An event is what the holder says: an [Ends], a process, a socket, a
// [remotesh.Place], an outcome, a pong or a buried.
type event any

// Ends is the holder's SSH_CONNECTION, said once and first: the
// addresses of both ends as the server sees them, each the zero AddrPort if the
// server does not say.
type Ends struct{ Client, Server netip.AddrPort }

// process is the one of sshd(8) that serves the holder's session, said once,
// after Ends. It is zero if the server is another, or does not show its
// processes.
type process struct {
	PID   int    // above 1
	Start string // tells it from a later process of the same PID
}

// socket is the forwarded agent's on the remote, said once, after the process.
// Path is printable ASCII, or empty if the server forwards no agent or one that
// is reached through the link.
type socket struct{ Path string }

// placeLoop stands for the place of the link where the agent is reached through
// it: it is left alone. The place is said once, after the socket.
const placeLoop remotesh.Place = "loop"

// state is how an order to take the link ended.
type state int

// The states of an outcome.
const (
	set    state = iota + 1 // the link leads to this connection's agent
	kept                    // it leads to a live socket of somebody else
	failed                  // it could not be set; Cause says why
)

// outcome answers claim and reclaim.
type outcome struct {
	State state
	Cause error // a *linkError if State is failed
}

// Owner is whose the link is, in holder.sh's words.
type Owner string

// The owners of a link.
const (
	ownerSelf   Owner = "own"    // it leads to this connection's agent
	ownerOther  Owner = "other"  // it leads to a live socket of somebody else
	ownerNone   Owner = "none"   // it leads nowhere, and this connection has no agent
	ownerFailed Owner = "failed" // it leads nowhere and could not be set; the answer to reclaim tells why
)

// pong answers a ping.
type pong struct {
	Token uint64
	Owner Owner // after the holder has repaired the link
}

// buried answers bury. Done is set if the process was found and told to end.
type buried struct{ Done bool }

// A linkError is why the link could not be set.
type linkError struct {
	// NoAgent is set if there is nothing to point it to, Occupied if a file of
	// another kind has its name.
	NoAgent, Occupied bool
	Detail            string // what the remote said, printable ASCII, at most text.MaxASCII bytes, or empty
}

func (e *linkError) Error() string {
	switch {
	case e.NoAgent:
		return "no agent is forwarded"
	case e.Occupied:
		return "~/" + remotesh.LinkPath + " is not a link"
	}
	return "~/" + remotesh.LinkPath + " cannot be set: " + e.Detail
}
