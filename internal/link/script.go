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

// An Order is a line for the holder's input.
type Order string

// The orders without an argument.
const (
	Claim Order = "claim\n" // a person's act: take the link, whichever machine has it
	Quit  Order = "quit\n"  // remove the link if it is the holder's own, and end
	Leave Order = "leave\n" // end, and leave the link as it is
)

// Reclaim returns the order of a connection that came about without a person.
// It takes the link if that leads to one of olds, the [Agent] paths of this
// keeper's earlier connections, if it leads nowhere, or if another keeper took
// it by repair and actor is set: this keeper was the last, as far as it knows,
// that a person acted on. The answer Kept means that a person has acted elsewhere
// since.
func Reclaim(actor bool, olds ...string) Order {
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
	return Order("reclaim " + who + " " + strings.Join(olds, "\t") + "\n")
}

// Ping returns the order that is answered by a [Pong] of the same token. With
// each the holder looks after the link: one that leads nowhere it takes. When
// the pings cease, it gives the link up, until the next.
func Ping(token uint64) Order { return Order("ping " + strconv.FormatUint(token, 10) + "\n") }

// Bury returns the order to end the sshd that an earlier connection of this
// keeper has left half-open, which frees those who hang on its agent socket. It
// is answered by a [Buried]. Nothing is ended if s says too little to tell it
// from another process. The socket, an [Agent] path, is removed unless somebody
// listens there then: sshd leaves it.
func Bury(s Sshd, socket string) Order {
	if !strings.HasPrefix(socket, "/") || text.ASCII(socket) != socket {
		socket = "-"
	}
	if s.PID <= 1 || !validStamp(s.Start) {
		return Order("bury - - " + socket + "\n")
	}
	return Order("bury " + strconv.Itoa(s.PID) + " " + s.Start + " " + socket + "\n")
}

// Script returns the script to write to the input of a shell in the session
// that asked for agent forwarding. first is an order that it carries out on its
// own when it starts, without costing a round trip, or "" for none. Further
// orders may be written only after [Reader.Next] has returned once. Pings are to
// come at least once in every: when none has come for three to six times as
// long, the network is gone or the laptop sleeps, and the holder gives the link
// up. One that gets no order at all ends its sshd after the longer time: who
// started it may not know of that. Below a second, every takes a sleep(1) on the
// remote that knows fractions.
func Script(first Order, every time.Duration, f remotesh.Forwarding) []byte {
	vars := append([]string{"first", strings.TrimSuffix(string(first), "\n"), "patience", fmt.Sprintf("%g", 3*every.Seconds())}, f.Vars()...)
	return []byte(remotesh.Opening + remotesh.Vars(vars...) +
		remotesh.Strip(remotesh.FindAgent+remotesh.FindPlace+remotesh.Loops+holderScript))
}

// An Event is what the holder says: a [Ends], a [Sshd], an [Agent],
// a [remotesh.Place], an [Outcome], a [Pong] or a [Buried].
type Event any

// Ends is the holder's SSH_CONNECTION, said once and first: the
// addresses of both ends as the server sees them, each the zero AddrPort if the
// server does not say.
type Ends struct{ Client, Server netip.AddrPort }

// Sshd is the process of sshd(8) that serves the holder's session, said once,
// after Ends. It is zero if the server is another, or does not show its
// processes.
type Sshd struct {
	PID   int    // above 1
	Start string // tells it from a later process of the same PID
}

// Agent is the forwarded agent's socket on the remote, said once, after Sshd.
// Path is printable ASCII, or empty if the server forwards no agent or one that
// is reached through the link.
type Agent struct{ Path string }

// PlaceLoop stands for the place of the link where the agent is reached through
// it: it is left alone. The place is said once, after Agent.
const PlaceLoop remotesh.Place = "loop"

// State is how an order to take the link ended.
type State int

// The states of an Outcome.
const (
	Set    State = iota + 1 // the link leads to this connection's agent
	Kept                    // it leads to a live socket of somebody else
	Failed                  // it could not be set; Cause says why
)

// Outcome answers Claim and Reclaim.
type Outcome struct {
	State State
	Cause error // a *Error if State is Failed
}

// Owner is whose the link is, in holder.sh's words.
type Owner string

// The owners of a link.
const (
	OwnerSelf   Owner = "own"    // it leads to this connection's agent
	OwnerOther  Owner = "other"  // it leads to a live socket of somebody else
	OwnerNone   Owner = "none"   // it leads nowhere, and this connection has no agent
	OwnerFailed Owner = "failed" // it leads nowhere and could not be set; Reclaim says why
)

// Pong answers a Ping.
type Pong struct {
	Token uint64
	Owner Owner // after the holder has looked after the link
}

// Buried answers Bury. Done is set if the process was found and told to end.
type Buried struct{ Done bool }

// An Error is why the link could not be set.
type Error struct {
	// NoAgent is set if there is nothing to point it to, Occupied if a file of
	// another kind has its name.
	NoAgent, Occupied bool
	Detail            string // what the remote said, printable ASCII, at most text.MaxASCII bytes, or empty
}

func (e *Error) Error() string {
	switch {
	case e.NoAgent:
		return "no agent is forwarded"
	case e.Occupied:
		return "~/" + remotesh.LinkPath + " is not a link"
	}
	return "~/" + remotesh.LinkPath + " cannot be set: " + e.Detail
}
