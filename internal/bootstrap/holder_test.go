package bootstrap

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// held is a holder that runs.
type held struct {
	*process
	t      *testing.T
	reader *HolderReader
	sshd   Sshd
}

// hold starts a holder in the home.
func (l *local) hold(first Order, vars ...string) *held {
	l.t.Helper()
	return l.holdEvery(first, 5*time.Second, vars...)
}

// holdEvery starts one that expects pings this often.
func (l *local) holdEvery(first Order, every time.Duration, vars ...string) *held {
	l.t.Helper()
	c := l.command(l.argv...)
	c.Env = append(append(c.Env, "SSH_CONNECTION=192.0.2.1 1234 2001:db8::1 22"), vars...)
	p, err := startShell(l.t, c, &c.Stderr)
	check(l.t, err)
	return newHeldEvery(l.t, p, first, every, l.forwarding)
}

// newHeldEvery starts one that expects pings this often.
func newHeldEvery(t *testing.T, p *process, first Order, every time.Duration, f Forwarding) *held {
	t.Helper()
	_, err := p.Write(HolderScript(first, every, f))
	check(t, err)
	return &held{process: p, t: t, reader: NewHolderReader(p)}
}

// expect reads the holder's next event.
func (h *held) expect(want HolderEvent) {
	h.t.Helper()
	got, err := h.reader.Next()
	check(h.t, err)
	if link, ok := got.(Link); ok {
		var cause *LinkError
		if errors.As(link.Cause, &cause) {
			cause.Detail = "" // the words differ from shell to shell
		}
	}
	compare(h.t, "event", want, got)
}

// began reads what every holder says first.
func (h *held) began(agent string) {
	h.t.Helper()
	h.beganIn(PlaceHome, agent)
}

// beganIn is began where the link is in another place.
func (h *held) beganIn(place Place, agent string) {
	h.t.Helper()
	h.expect(Connection{
		Client: netip.MustParseAddrPort("192.0.2.1:1234"), Server: netip.MustParseAddrPort("[2001:db8::1]:22"),
	})
	h.expect(Sshd{}) // the test started it
	h.expect(Agent{Path: agent})
	h.expect(place)
}

// order gives an order and reads the answer.
func (h *held) order(o Order, want HolderEvent) {
	h.t.Helper()
	_, err := h.Write([]byte(o))
	check(h.t, err)
	h.expect(want)
}

// end waits until the holder has ended by itself. zsh repeats its last answer
// when a signal ends it.
func (h *held) end() {
	h.t.Helper()
	var err error
	for err == nil {
		_, err = h.reader.Next()
	}
	var ended *RemoteError
	if !errors.As(err, &ended) || ended.Kind != Ended {
		h.t.Error(err)
	}
	_ = h.Close()
}

func failedLink(e LinkError) Link { return Link{State: LinkFailed, Cause: &e} }

func TestHolder(t *testing.T) {
	eachShell(t, func(t *testing.T, outer *local) {
		t.Parallel()
		a := newAgents(outer)
		own, other := a.start("own"), a.start("other")
		for name, test := range map[string]func(t *testing.T, l *local, own, other string){
			"claim":            testClaim,
			"reclaim":          testReclaim,
			"ping":             testPing,
			"actor":            testActor,
			"dead sockets":     testDeadSockets,
			"keeps a stranger": testKeepStranger,
			"no agent":         testNoAgent,
			"occupied":         testOccupied,
			"cannot write":     testCannotWrite,
			"signals":          testSignals,
			"noise":            testNoise,
		} {
			t.Run(name, func(t *testing.T) { test(t, outer.another(t), own, other) })
		}
	})
}

func (l *local) target() string {
	target, _ := os.Readlink(filepath.Join(l.home, LinkPath))
	return target
}

func testClaim(t *testing.T, l *local, own, _ string) {
	h := l.hold(Claim, "SSH_AUTH_SOCK="+own)
	h.began(own)
	h.expect(Link{State: LinkSet})
	compare(t, "target", own, l.target())
	compare(t, "mode of .ssh", os.ModeDir|0o700, l.tree()[".ssh"].mode)
	h.order(Claim, Link{State: LinkSet})
	h.order(Reclaim(true, ""), Link{State: LinkSet})
	_, err := h.Write([]byte(Quit))
	check(t, err)
	h.end()
	compare(t, "target after the end", "", l.target())
	compare(t, "files left", 2, len(l.tree()))
}

func testKeepStranger(t *testing.T, l *local, own, other string) {
	h := l.hold(Claim, "SSH_AUTH_SOCK="+own)
	h.began(own)
	h.expect(Link{State: LinkSet})
	p := filepath.Join(l.home, LinkPath)
	check(t, os.Remove(p))
	check(t, os.Symlink(other, p))
	_ = h.Close()
	compare(t, "target", other, l.target())
}

func testNoAgent(t *testing.T, l *local, _, other string) {
	l.lay(link(LinkPath, other))
	h := l.hold(Claim)
	h.began("")
	h.expect(failedLink(LinkError{NoAgent: true}))
	h.order(Ping(1), Pong{Token: 1, Owner: OwnerOther})
	check(t, os.Remove(filepath.Join(l.home, LinkPath)))
	h.order(Ping(2), Pong{Token: 2, Owner: OwnerNone})
	l.lay(link(LinkPath, "/gone"))
	h.order(Ping(3), Pong{Token: 3, Owner: OwnerNone})
	_ = h.Close()
	compare(t, "target", "/gone", l.target())
	for _, value := range []string{"/gone", filepath.Join(l.home, LinkPath)} {
		h := l.hold(Reclaim(true, ""), "SSH_AUTH_SOCK="+value)
		h.began("")
		_ = h.Close()
	}
}

func testOccupied(t *testing.T, l *local, own, _ string) {
	l.lay(file(LinkPath, "mine"))
	h := l.hold(Claim, "SSH_AUTH_SOCK="+own)
	h.began(own)
	h.expect(failedLink(LinkError{Occupied: true}))
	h.order(Reclaim(true, ""), failedLink(LinkError{Occupied: true}))
	h.order(Ping(1), Pong{Token: 1, Owner: OwnerFailed})
	_ = h.Close()
	compare(t, "file", "mine", l.read(LinkPath))
}

func testCannotWrite(t *testing.T, l *local, own, _ string) {
	l.lay(dir(".ssh").with(0o555))
	h := l.hold(Claim, "SSH_AUTH_SOCK="+own)
	h.beganIn(PlaceNone, own)
	h.expect(failedLink(LinkError{Reason: Denied}))
	h.order(Ping(1), Pong{Token: 1, Owner: OwnerFailed})
}

func testSignals(t *testing.T, l *local, own, _ string) {
	// Where the tests run under nohup(1), a shell would have SIGHUP ignored, and cannot trap it then. One that is caught
	// here is its default there.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for _, signal := range []os.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		h := l.hold(Claim, "SSH_AUTH_SOCK="+own)
		h.began(own)
		h.expect(Link{State: LinkSet})
		h.order(Ping(1), Pong{Token: 1, Owner: OwnerSelf})
		check(t, h.cmd.(*exec.Cmd).Process.Signal(signal))
		// A signal that comes just before a shell begins to read waits until
		// it has read something.
		_, _ = h.Write([]byte("\n"))
		h.end()
		compare(t, "target after "+signal.String(), "", l.target())
	}
}

// testNoise has start-up files print before the script begins, the last line
// without an end.
func testNoise(t *testing.T, l *local, own, _ string) {
	const noisy = `head -c 60000 /dev/zero; printf 'mosha-holder 1'; exec "$@"`
	l.argv = append([]string{"sh", "-c", noisy, "sh"}, l.argv...)
	h := l.hold(Claim, "SSH_AUTH_SOCK="+own)
	h.began(own)
	h.expect(Link{State: LinkSet})
}
