package link

import (
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mosha-ssh/mosha/internal/remotesh"
	"github.com/mosha-ssh/mosha/internal/text"
)

// A reader reads what the holder says.
type reader struct {
	out     *remotesh.Reader
	started bool
}

// newReader returns a reader of the output of a shell that was sent script.
func newReader(r io.Reader) *reader { return &reader{out: remotesh.NewReader(r)} }

// Next waits for the holder's next event. The error is a *remotesh.Error. The
// first call skips what start-up files print.
func (r *reader) Next() (event, error) {
	if !r.started {
		if err := r.out.Await(holderMarker); err != nil {
			return nil, err
		}
		r.started = true
	}
	line, err := r.out.Line()
	if err != nil {
		return nil, err
	}
	return parseLine(line)
}

// parseLine reads one line of the holder.
func parseLine(line string) (event, error) {
	word, rest, _ := strings.Cut(line, " ")
	var event event
	ok := false
	switch word {
	case "conn":
		event, ok = parseConnection(rest), true
	case "agent":
		event, ok = parseAgent(rest)
	case "place":
		event, ok = remotesh.Place(rest), slices.Contains(places, remotesh.Place(rest))
	case "link":
		event, ok = parseLink(rest)
	case "sshd":
		event, ok = parseSshd(rest)
	case "pong":
		event, ok = parsePong(rest)
	case "buried":
		event, ok = buried{Done: rest == "yes"}, rest == "yes" || rest == "no"
	}
	if !ok {
		return nil, remotesh.Garbled(line)
	}
	return event, nil
}

// parseConnection reads the four fields of SSH_CONNECTION: the client's address
// and port, and the server's (ssh(1), ENVIRONMENT). An sshd that is not on a
// socket says "UNKNOWN 65535" for both.
func parseConnection(s string) Ends {
	words := strings.Split(s, " ")
	if len(words) != 4 {
		return Ends{}
	}
	return Ends{Client: parseAddrPort(words[0], words[1]), Server: parseAddrPort(words[2], words[3])}
}

// parseAddrPort returns the zero AddrPort for what it cannot read.
func parseAddrPort(addr, port string) netip.AddrPort {
	a, err := netip.ParseAddr(addr)
	if err != nil || text.ASCII(addr) != addr {
		return netip.AddrPort{}
	}
	p, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, uint16(p))
}

// parseSshd reads a PID and a start stamp.
func parseSshd(s string) (process, bool) {
	if s == "- -" {
		return process{}, true
	}
	pid, start, _ := strings.Cut(s, " ")
	n, err := strconv.ParseUint(pid, 10, 31)
	return process{PID: int(n), Start: start}, err == nil && n > 1 && validStamp(start)
}

// stamp is what holder.sh makes of the times that ps(1) and proc(5) have.
var stamp = regexp.MustCompile(`^[0-9A-Za-z:_]{1,40}$`)

func validStamp(s string) bool { return stamp.MatchString(s) }

// parseAgent reads the name of a socket.
func parseAgent(s string) (socket, bool) {
	if s == "none" {
		return socket{}, true
	}
	return socket{Path: text.ASCII(s)}, strings.HasPrefix(s, "/")
}

// linkSteps are the steps at which holder.sh fails.
var linkSteps = []string{"agent", "occupied", "mkdir", "write", "rename"}

// parseLink reads how an order to take the link ended.
func parseLink(s string) (outcome, bool) {
	words := strings.SplitN(s, " ", 3)
	switch {
	case s == "ok":
		return outcome{State: set}, true
	case s == "kept":
		return outcome{State: kept}, true
	case words[0] != "failed" || len(words) < 2 || !slices.Contains(linkSteps, words[1]):
		return outcome{}, false
	}
	detail := strings.Join(words[2:], " ")
	cause := &linkError{NoAgent: words[1] == "agent", Occupied: words[1] == "occupied", Detail: text.ASCII(detail)}
	return outcome{State: failed, Cause: cause}, true
}

var (
	places = []remotesh.Place{remotesh.PlaceHome, remotesh.PlaceRuntime, remotesh.PlaceNone, placeLoop}
	owners = []Owner{ownerSelf, ownerOther, ownerNone, ownerFailed}
)

// parsePong reads a token and whose the link is.
func parsePong(s string) (pong, bool) {
	word, rest, _ := strings.Cut(s, " ")
	token, err := strconv.ParseUint(word, 10, 64)
	return pong{Token: token, Owner: Owner(rest)}, err == nil && slices.Contains(owners, Owner(rest))
}
