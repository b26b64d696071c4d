package doctor

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/mosha-ssh/mosha/internal/mosh"
	"github.com/mosha-ssh/mosha/internal/text"
)

// contactLimit is how long a mosh-server may take to answer. Nobody would want
// to type over a longer way, and a person waits.
const contactLimit = 4 * time.Second

// startSeen is what became of the start of a mosh-server, and of the handshake
// with it.
type startSeen struct {
	start   serverStart
	session mosh.Session
	started bool
	address netip.Addr
	trip    time.Duration
	contact error // why the server's answer did not come
	err     error // why there was no start
}

// startServer starts a real mosh-server as a launch does, but without the
// agent, for which a launch tries to make the link. It sends the server what
// mosh-client sends first, and ends it again.
func (e *examination) startServer() (seen startSeen) {
	ctx, cancel := context.WithTimeout(e.ctx, probeLimit)
	defer cancel()
	shell, err := e.shell(ctx, false)
	if err != nil {
		return startSeen{err: err}
	}
	command := mosh.ServerCommand(e.options.Flags.ServerStart(e.options.Env, "sleep", "60"), "")
	p, err := startProbe(ctx, shell, "server", "command", command)
	if err != nil {
		return startSeen{err: inTime(ctx, err)}
	}
	defer p.end()
	if err := p.read(seen.start.take, &seen.start.done); err != nil {
		return startSeen{start: seen.start, err: inTime(ctx, err)}
	}
	if seen.read(); seen.started {
		seen.meet(ctx, cmp.Or(e.options.UDPAddress, e.up.Address))
	}
	return seen
}

// connectWord begins the line that has the session's key.
const connectWord = "MOSH CONNECT "

// read finds the CONNECT line, and what the start says of its own end. On a
// terminal, which a launch gives it, mosh-server begins a new line for that;
// here a start-up file's words may stand before it.
func (s *startSeen) read() {
	for _, line := range s.start.said {
		if code, ended := mosh.ExitStatus(line); ended {
			s.start.code = code
		}
		_, rest, found := strings.Cut(line, connectWord)
		if session, err := mosh.ParseConnect(connectWord + strings.TrimSpace(rest)); found && err == nil && !s.started {
			s.session, s.started = session, true
		}
	}
}

// meet makes the handshake with the given address: the one that the connection
// goes to. If it is empty, as behind a proxy, meet takes the one that the
// server reports.
func (s *startSeen) meet(ctx context.Context, address string) {
	s.address = s.start.address
	if addr, err := netip.ParseAddr(address); err == nil {
		s.address = addr.Unmap()
	}
	if !s.address.IsValid() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, contactLimit)
	defer cancel()
	s.trip, s.contact = s.session.Contact(ctx, s.address)
}

// udp is the check of the way to the server.
func (s *startSeen) udp() Check {
	c := newCheck(Between, CheckUDP)
	if !s.started {
		return c.skips(NotReached, CheckMoshServer)
	}
	port := strconv.Itoa(s.session.Port)
	c.Facts["port"] = port
	var failed *mosh.ContactError
	switch {
	case !s.address.IsValid():
		return c.fails(NoAddress, "", "", nil)
	case s.contact == nil:
		c.Facts["address"] = s.address.String()
		c.Facts["round_trip"] = strconv.FormatFloat(float64(s.trip.Round(10*time.Microsecond).Microseconds())/1e6, 'f', -1, 64)
		return c
	case !errors.As(s.contact, &failed) || failed.Err != nil && !failed.Refused():
		return c.fails(UDPFails, port, s.address.String(), s.contact)
	case failed.Refused():
		return c.fails(UDPRefused, port, s.address.String(), s.contact)
	}
	return c.fails(UDPSilent, port, s.address.String(), s.contact)
}

// server is the check of the program.
func (s *startSeen) server() Check {
	c := newCheck(There, CheckMoshServer)
	if version := moshVersion.FindString(strings.Join(s.start.said, "\n")); version != "" {
		c.Facts["version"] = text.ASCII(strings.TrimPrefix(version, "mosh "))
	}
	switch {
	case isNoRoom(s.err):
		return c.fails(NoRoom, "", "", s.err)
	case s.err != nil:
		return c.skips(NotReached, CheckShell)
	case s.started:
		return c
	case s.start.code == 127: // the shell's: not found
		return c.fails(NotInstalled, "mosh-server", s.words(), nil)
	case s.lacksLocale():
		return c // it runs
	}
	return c.fails(ServerFails, "mosh-server", s.words(), nil)
}

// lacksLocale reports whether the server ended because it found no UTF-8
// locale.
func (s *startSeen) lacksLocale() bool {
	return strings.Contains(strings.Join(s.start.said, "\n"), "needs a UTF-8 native locale")
}

// words returns the last words that came from the start.
func (s *startSeen) words() string {
	for i := len(s.start.said) - 1; i >= 0; i-- {
		words := text.ASCII(s.start.said[i])
		if _, ended := mosh.ExitStatus(words); words != "" && !strings.Contains(words, connectWord) && !ended {
			return words
		}
	}
	return ""
}

// locale is the check of the server's locale. Where it is not UTF-8,
// mosh-server takes the setting from here.
func (s *startSeen) locale(setting string) Check {
	c := newCheck(There, CheckServerLocale)
	c.Facts["charmap"] = s.start.charmap
	switch {
	case s.started:
		return c
	case s.lacksLocale():
		c.Facts["utf8"] = s.start.utf8
		return c.fails(NotUTF8, s.start.charmap, text.ASCII(setting), nil)
	}
	return c.skips(NotReached, CheckMoshServer)
}
