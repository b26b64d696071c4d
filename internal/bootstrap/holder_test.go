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

	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// held is a holder that runs.
type held struct {
	*process
	t      *testing.T
	reader *link.Reader
	sshd   link.Sshd
}

// hold starts a holder in the home.
func (l *local) hold(first link.Order, vars ...string) *held {
	l.t.Helper()
	return l.holdEvery(first, 5*time.Second, vars...)
}

// holdEvery starts one that expects pings this often.
func (l *local) holdEvery(first link.Order, every time.Duration, vars ...string) *held {
	l.t.Helper()
	c := l.command(l.argv...)
	c.Env = append(append(c.Env, "SSH_CONNECTION=192.0.2.1 1234 2001:db8::1 22"), vars...)
	p, err := startShell(l.t, c, &c.Stderr)
	check(l.t, err)
	return newHeldEvery(l.t, p, first, every, l.forwarding)
}

// newHeldEvery starts one that expects pings this often.
func newHeldEvery(t *testing.T, p *process, first link.Order, every time.Duration, f remotesh.Forwarding) *held {
	t.Helper()
	_, err := p.Write(link.Script(first, every, f))
	check(t, err)
	return &held{process: p, t: t, reader: link.NewReader(p)}
}

// expect reads the holder's next event.
func (h *held) expect(want link.Event) {
	h.t.Helper()
	got, err := h.reader.Next()
	check(h.t, err)
	if outcome, ok := got.(link.Outcome); ok {
		var cause *link.Error
		if errors.As(outcome.Cause, &cause) {
			cause.Detail = "" // the words differ from shell to shell
		}
	}
	compare(h.t, "event", want, got)
}

// began reads what every holder says first.
func (h *held) began(agent string) {
	h.t.Helper()
	h.beganIn(remotesh.PlaceHome, agent)
}

// beganIn is began where the link is in another place.
func (h *held) beganIn(place remotesh.Place, agent string) {
	h.t.Helper()
	h.expect(link.Ends{
		Client: netip.MustParseAddrPort("192.0.2.1:1234"), Server: netip.MustParseAddrPort("[2001:db8::1]:22"),
	})
	h.expect(link.Sshd{}) // the test started it
	h.expect(link.Agent{Path: agent})
	h.expect(place)
}

// order gives an order and reads the answer.
func (h *held) order(o link.Order, want link.Event) {
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
	var ended *remotesh.Error
	if !errors.As(err, &ended) || ended.Kind != remotesh.Ended {
		h.t.Error(err)
	}
	_ = h.Close()
}

func failedLink(e link.Error) link.Outcome { return link.Outcome{State: link.Failed, Cause: &e} }

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
	target, _ := os.Readlink(filepath.Join(l.home, remotesh.LinkPath))
	return target
}

func testClaim(t *testing.T, l *local, own, _ string) {
	h := l.hold(link.Claim, "SSH_AUTH_SOCK="+own)
	h.began(own)
	h.expect(link.Outcome{State: link.Set})
	compare(t, "target", own, l.target())
	compare(t, "mode of .ssh", os.ModeDir|0o700, l.tree()[".ssh"].mode)
	h.order(link.Claim, link.Outcome{State: link.Set})
	h.order(link.Reclaim(true, ""), link.Outcome{State: link.Set})
	_, err := h.Write([]byte(link.Quit))
	check(t, err)
	h.end()
	compare(t, "target after the end", "", l.target())
	compare(t, "files left", 2, len(l.tree()))
}

func testKeepStranger(t *testing.T, l *local, own, other string) {
	h := l.hold(link.Claim, "SSH_AUTH_SOCK="+own)
	h.began(own)
	h.expect(link.Outcome{State: link.Set})
	p := filepath.Join(l.home, remotesh.LinkPath)
	check(t, os.Remove(p))
	check(t, os.Symlink(other, p))
	_ = h.Close()
	compare(t, "target", other, l.target())
}

func testNoAgent(t *testing.T, l *local, _, other string) {
	l.lay(symlink(remotesh.LinkPath, other))
	h := l.hold(link.Claim)
	h.began("")
	h.expect(failedLink(link.Error{NoAgent: true}))
	h.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerOther})
	check(t, os.Remove(filepath.Join(l.home, remotesh.LinkPath)))
	h.order(link.Ping(2), link.Pong{Token: 2, Owner: link.OwnerNone})
	l.lay(symlink(remotesh.LinkPath, "/gone"))
	h.order(link.Ping(3), link.Pong{Token: 3, Owner: link.OwnerNone})
	_ = h.Close()
	compare(t, "target", "/gone", l.target())
	for _, value := range []string{"/gone", filepath.Join(l.home, remotesh.LinkPath)} {
		h := l.hold(link.Reclaim(true, ""), "SSH_AUTH_SOCK="+value)
		h.began("")
		_ = h.Close()
	}
}

func testOccupied(t *testing.T, l *local, own, _ string) {
	l.lay(file(remotesh.LinkPath, "mine"))
	h := l.hold(link.Claim, "SSH_AUTH_SOCK="+own)
	h.began(own)
	h.expect(failedLink(link.Error{Occupied: true}))
	h.order(link.Reclaim(true, ""), failedLink(link.Error{Occupied: true}))
	h.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerFailed})
	_ = h.Close()
	compare(t, "file", "mine", l.read(remotesh.LinkPath))
}

func testCannotWrite(t *testing.T, l *local, own, _ string) {
	l.lay(dir(".ssh").with(0o555))
	h := l.hold(link.Claim, "SSH_AUTH_SOCK="+own)
	h.beganIn(remotesh.PlaceNone, own)
	h.expect(failedLink(link.Error{}))
	h.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerFailed})
}

func testSignals(t *testing.T, l *local, own, _ string) {
	// Where the tests run under nohup(1), a shell would have SIGHUP ignored,
	// and cannot trap it then. One that is caught here is its default there.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for _, signal := range []os.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		h := l.hold(link.Claim, "SSH_AUTH_SOCK="+own)
		h.began(own)
		h.expect(link.Outcome{State: link.Set})
		h.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerSelf})
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
	h := l.hold(link.Claim, "SSH_AUTH_SOCK="+own)
	h.began(own)
	h.expect(link.Outcome{State: link.Set})
}
