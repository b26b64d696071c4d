package bootstrap

import (
	"bufio"
	_ "embed"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// The lines of holder.sh:
//
//	mosha-holder 1                 the script runs
//	conn FOUR FIELDS | conn -      SSH_CONNECTION
//	agent PATH | agent none        the socket that sshd made for this connection
//
// and then an answer for each order but the last:
//
//	claim           link ok | link failed STEP WORDS
//	reclaim         link ok | link kept | link failed STEP WORDS
//	ping TOKEN      pong TOKEN
//	quit            the end; so is the end of input, SIGHUP and SIGTERM
const holderMarker = "mosha-holder 1"

//go:embed holder.sh
var holderScript string

// An Order is a line for the holder's input.
type Order string

// The orders without an argument.
const (
	Claim   Order = "claim\n"   // take the link, whoever has it
	Reclaim Order = "reclaim\n" // take the link unless it leads to a live socket of somebody else
	Quit    Order = "quit\n"    // remove the link if it is the holder's own, and end
)

// Ping returns the order that is answered by a [Pong] of the same token.
func Ping(token uint64) Order { return Order("ping " + strconv.FormatUint(token, 10) + "\n") }

// HolderScript returns the script to write to the input of a shell in the
// session that asked for agent forwarding. first is an order that it carries
// out on its own when it starts, without costing a round trip: Claim, Reclaim
// or "" for none. Further orders may be written only after [HolderReader.Next]
// has returned once.
func HolderScript(first Order) []byte {
	return []byte("first=" + strings.TrimSpace(string(first)) + "\n" + holderScript)
}

// A HolderEvent is what the holder says: a [Connection], an [Agent], a [Link]
// or a [Pong].
type HolderEvent interface{ holderEvent() }

// Connection is the holder's SSH_CONNECTION, said once and first: the
// addresses of both ends as the server sees them, each the zero AddrPort if the
// server does not say.
type Connection struct{ Client, Server netip.AddrPort }

// Agent is the forwarded agent's socket on the remote, said once, after
// Connection. Path is for a log: printable ASCII, or empty if the server
// forwards no agent.
type Agent struct{ Path string }

// LinkState is how an order to take the link ended.
type LinkState int

// The states of a Link.
const (
	LinkSet    LinkState = iota + 1 // the link leads to this connection's agent
	LinkKept                        // it leads to a live socket of somebody else
	LinkFailed                      // it could not be set; Cause says why
)

// Link answers Claim and Reclaim.
type Link struct {
	State LinkState
	Cause error // a *LinkError if State is LinkFailed
}

// Pong answers a Ping.
type Pong struct{ Token uint64 }

func (Connection) holderEvent() {}
func (Agent) holderEvent()      {}
func (Link) holderEvent()       {}
func (Pong) holderEvent()       {}

// A LinkError is why the link could not be set.
type LinkError struct {
	// NoAgent says that there is nothing to point it to, Occupied that a file
	// of another kind has its name. Otherwise FileError's Reason counts.
	NoAgent, Occupied bool
	Reason            Reason
	Detail            string // what the remote said, as in FileError
}

func (e *LinkError) Error() string {
	switch {
	case e.NoAgent:
		return "no agent is forwarded"
	case e.Occupied:
		return "~/" + LinkPath + " is not a link"
	}
	return (&FileError{Path: "~/" + LinkPath, Reason: e.Reason, Detail: e.Detail}).Error()
}

// A HolderReader reads what the holder says.
type HolderReader struct {
	out     *bufio.Reader
	started bool
}

// NewHolderReader returns a reader of the output of a shell that was sent
// [HolderScript].
func NewHolderReader(r io.Reader) *HolderReader { return &HolderReader{out: newReader(r)} }

// Next waits for the holder's next event. The error is a *RemoteError. The first
// call skips what start-up files print.
func (r *HolderReader) Next() (HolderEvent, error) {
	if !r.started {
		if err := awaitMarker(r.out, holderMarker); err != nil {
			return nil, err
		}
		r.started = true
	}
	line, err := readLine(r.out)
	if err != nil {
		return nil, err
	}
	return parseHolderLine(line)
}

// parseHolderLine reads one line of the holder.
func parseHolderLine(line string) (HolderEvent, error) {
	word, rest, _ := strings.Cut(line, " ")
	var event HolderEvent
	ok := false
	switch word {
	case "conn":
		event, ok = parseConnection(rest), true
	case "agent":
		event, ok = parseAgent(rest)
	case "link":
		event, ok = parseLink(rest)
	case "pong":
		token, err := strconv.ParseUint(rest, 10, 64)
		event, ok = Pong{Token: token}, err == nil
	}
	if !ok {
		return nil, malformed(line)
	}
	return event, nil
}

// parseConnection reads the four fields of SSH_CONNECTION: the client's address
// and port, and the server's (ssh(1), ENVIRONMENT). An sshd that is not on a
// socket says "UNKNOWN 65535" for both.
func parseConnection(s string) Connection {
	words := strings.Split(s, " ")
	if len(words) != 4 {
		return Connection{}
	}
	return Connection{Client: parseAddrPort(words[0], words[1]), Server: parseAddrPort(words[2], words[3])}
}

// parseAddrPort returns the zero AddrPort for what it cannot read.
func parseAddrPort(addr, port string) netip.AddrPort {
	a, err := netip.ParseAddr(addr)
	if err != nil || printable(addr) != addr {
		return netip.AddrPort{}
	}
	p, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, uint16(p))
}

// parseAgent reads the name of a socket.
func parseAgent(s string) (Agent, bool) {
	if s == "none" {
		return Agent{}, true
	}
	return Agent{Path: printable(s)}, strings.HasPrefix(s, "/")
}

// linkSteps are the steps at which holder.sh fails.
var linkSteps = []string{"agent", "occupied", "mkdir", "write", "rename"}

// parseLink reads how an order to take the link ended.
func parseLink(s string) (Link, bool) {
	words := strings.SplitN(s, " ", 3)
	switch {
	case s == "ok":
		return Link{State: LinkSet}, true
	case s == "kept":
		return Link{State: LinkKept}, true
	case words[0] != "failed" || len(words) < 2 || !slices.Contains(linkSteps, words[1]):
		return Link{}, false
	}
	detail := strings.Join(words[2:], " ")
	cause := &LinkError{NoAgent: words[1] == "agent", Occupied: words[1] == "occupied", Detail: printable(detail)}
	if !cause.NoAgent && !cause.Occupied {
		cause.Reason = classify(words[1], detail)
	}
	return Link{State: LinkFailed, Cause: cause}, true
}
