package link

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

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/lab/homes"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// held is a holder that runs.
type held struct {
	*homes.Process
	t      *testing.T
	reader *reader
	sshd   process
}

// hold starts a holder in the home.
func hold(l *homes.Local, first order, vars ...string) *held {
	l.T.Helper()
	return holdEvery(l, first, 5*time.Second, vars...)
}

// holdEvery starts one that expects pings this often.
func holdEvery(l *homes.Local, first order, every time.Duration, vars ...string) *held {
	l.T.Helper()
	c := l.Command(l.Argv...)
	c.Env = append(append(c.Env, "SSH_CONNECTION=192.0.2.1 1234 2001:db8::1 22"), vars...)
	p, err := homes.StartShell(l.T, c, &c.Stderr)
	homes.Check(l.T, err)
	return newHeldEvery(l.T, p, first, every, remotesh.Forwarding{OpenSSH: l.OpenSSH, Known: l.Known})
}

// newHeldEvery starts one that expects pings this often.
func newHeldEvery(t *testing.T, p *homes.Process, first order, every time.Duration, f remotesh.Forwarding) *held {
	t.Helper()
	_, err := p.Write(script(first, every, f))
	homes.Check(t, err)
	return &held{Process: p, t: t, reader: newReader(p)}
}

// expect reads the holder's next event.
func (h *held) expect(want event) {
	h.t.Helper()
	got, err := h.reader.Next()
	homes.Check(h.t, err)
	if outcome, ok := got.(outcome); ok {
		var cause *linkError
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
	h.expect(Ends{
		Client: netip.MustParseAddrPort("192.0.2.1:1234"), Server: netip.MustParseAddrPort("[2001:db8::1]:22"),
	})
	h.expect(process{}) // the test started it
	h.expect(socket{Path: agent})
	h.expect(place)
}

// order gives an order and reads the answer.
func (h *held) order(o order, want event) {
	h.t.Helper()
	_, err := h.Write([]byte(o))
	homes.Check(h.t, err)
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

func failedLink(e linkError) outcome { return outcome{State: failed, Cause: &e} }

func TestHolder(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, outer *homes.Local) {
		t.Parallel()
		a := homes.NewAgents(outer)
		own, other := a.Start("own"), a.Start("other")
		for name, test := range map[string]func(t *testing.T, l *homes.Local, own, other string){
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
			t.Run(name, func(t *testing.T) { test(t, outer.Another(t), own, other) })
		}
	})
}

func testClaim(t *testing.T, l *homes.Local, own, _ string) {
	h := hold(l, claim, "SSH_AUTH_SOCK="+own)
	h.began(own)
	h.expect(outcome{State: set})
	compare(t, "target", own, l.Target())
	compare(t, "mode of .ssh", os.ModeDir|0o700, l.Tree()[".ssh"].Mode)
	h.order(claim, outcome{State: set})
	h.order(reclaim(true, ""), outcome{State: set})
	_, err := h.Write([]byte(quit))
	homes.Check(t, err)
	h.end()
	compare(t, "target after the end", "", l.Target())
	compare(t, "files left", 2, len(l.Tree()))
}

func testKeepStranger(t *testing.T, l *homes.Local, own, other string) {
	h := hold(l, claim, "SSH_AUTH_SOCK="+own)
	h.began(own)
	h.expect(outcome{State: set})
	p := filepath.Join(l.Home, remotesh.LinkPath)
	homes.Check(t, os.Remove(p))
	homes.Check(t, os.Symlink(other, p))
	_ = h.Close()
	compare(t, "target", other, l.Target())
}

func testNoAgent(t *testing.T, l *homes.Local, _, other string) {
	l.Lay(homes.Symlink(remotesh.LinkPath, other))
	h := hold(l, claim)
	h.began("")
	h.expect(failedLink(linkError{NoAgent: true}))
	h.order(ping(1), pong{Token: 1, Owner: ownerOther})
	homes.Check(t, os.Remove(filepath.Join(l.Home, remotesh.LinkPath)))
	h.order(ping(2), pong{Token: 2, Owner: ownerNone})
	l.Lay(homes.Symlink(remotesh.LinkPath, "/gone"))
	h.order(ping(3), pong{Token: 3, Owner: ownerNone})
	_ = h.Close()
	compare(t, "target", "/gone", l.Target())
	for _, value := range []string{"/gone", filepath.Join(l.Home, remotesh.LinkPath)} {
		h := hold(l, reclaim(true, ""), "SSH_AUTH_SOCK="+value)
		h.began("")
		_ = h.Close()
	}
}

func testOccupied(t *testing.T, l *homes.Local, own, _ string) {
	l.Lay(homes.File(remotesh.LinkPath, "mine"))
	h := hold(l, claim, "SSH_AUTH_SOCK="+own)
	h.began(own)
	h.expect(failedLink(linkError{Occupied: true}))
	h.order(reclaim(true, ""), failedLink(linkError{Occupied: true}))
	h.order(ping(1), pong{Token: 1, Owner: ownerFailed})
	_ = h.Close()
	compare(t, "file", "mine", l.Read(remotesh.LinkPath))
}

func testCannotWrite(t *testing.T, l *homes.Local, own, _ string) {
	l.Lay(homes.Dir(".ssh").With(0o555))
	h := hold(l, claim, "SSH_AUTH_SOCK="+own)
	h.beganIn(remotesh.PlaceNone, own)
	h.expect(failedLink(linkError{}))
	h.order(ping(1), pong{Token: 1, Owner: ownerFailed})
}

func testSignals(t *testing.T, l *homes.Local, own, _ string) {
	// Where the tests run under nohup(1), a shell would have SIGHUP ignored,
	// and cannot trap it then. One that is caught here is its default there.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	for _, signal := range []os.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		h := hold(l, claim, "SSH_AUTH_SOCK="+own)
		h.began(own)
		h.expect(outcome{State: set})
		h.order(ping(1), pong{Token: 1, Owner: ownerSelf})
		homes.Check(t, h.Cmd.(*exec.Cmd).Process.Signal(signal))
		// A signal that comes just before a shell begins to read waits until
		// it has read something.
		_, _ = h.Write([]byte("\n"))
		h.end()
		compare(t, "target after "+signal.String(), "", l.Target())
	}
}

// testNoise has start-up files print before the script begins, the last line
// without an end.
func testNoise(t *testing.T, l *homes.Local, own, _ string) {
	const noisy = `head -c 60000 /dev/zero; printf 'mosha-holder 1'; exec "$@"`
	l.Argv = append([]string{"sh", "-c", noisy, "sh"}, l.Argv...)
	h := hold(l, claim, "SSH_AUTH_SOCK="+own)
	h.began(own)
	h.expect(outcome{State: set})
}

// setUp runs bootstrap's Setup, which must not fail as a whole.
func setUp(t *testing.T, r remotesh.Runner) bootstrap.Report {
	t.Helper()
	report, err := bootstrap.Setup(t.Context(), r)
	homes.Check(t, err)
	return report
}
