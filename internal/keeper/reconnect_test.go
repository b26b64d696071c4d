package keeper

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/pace"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestRefusedTwoPersons: one hears of a refusal and leaves, and another comes
// before the keeper has looked: the server is asked again for the second.
func TestRefusedTwoPersons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := spareKeeper(t)
		k.lifetime.kept = true
		_, leave := service{k}.attend(true)
		done := make(chan error, 1)
		go func() {
			done <- reconnecting{k}.pause(t.Context(), &attempt{r: reconnecting{k}, attended: true}, &sshconn.AuthError{}, 0, new(pace.Backoff))
		}()
		synctest.Wait()
		if k.state != control.NeedsAuth {
			t.Fatalf("state %s, want %s", k.state, control.NeedsAuth)
		}
		k.mu.Lock() // nobody looks meanwhile
		change := k.change
		k.change = make(chan struct{})
		k.mu.Unlock()
		leave()
		_, leave = service{k}.attend(true)
		defer leave()
		close(change)
		synctest.Wait()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Errorf("the second person waits, in state %s", k.state)
		}
	})
}

// TestServerThatHangsUp: one that lets in and ends the connection is dialed no
// more often than one that cannot be reached; after a longer connection at once.
func TestServerThatHangsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := spareKeeper(t)
		k.lifetime.kept = true
		var backoff pace.Backoff
		begin, dialed := time.Now(), 0
		for time.Since(begin) < pace.Eager {
			reconnecting{k}.settle(t.Context(), time.Now(), &backoff)
			dialed++
		}
		if most := int(pace.Eager/(pace.EagerInterval*2/3)) + 1; dialed > most {
			t.Errorf("%d connections in %v, want at most %d", dialed, pace.Eager, most)
		}
		rested := func(lasted time.Duration) time.Duration {
			begin := time.Now()
			time.Sleep(lasted)
			reconnecting{k}.settle(t.Context(), begin, &backoff)
			return time.Since(begin) - lasted
		}
		for range 10 {
			_ = rested(0)
		}
		if rest := rested(0); rest < pace.LastInterval*2/3 || k.state != control.Waiting {
			t.Errorf("after a while only %v of rest, in state %s", rest, k.state)
		}
		go func() {
			time.Sleep(time.Second)
			k.update(func() { k.epoch++ })
		}()
		if rest := rested(0); rest != time.Second {
			t.Errorf("%v of rest, want it to end with the network event", rest)
		}
		if rest := rested(pace.EagerInterval); rest != 0 {
			t.Errorf("%v of rest after a first short connection", rest)
		}
		_, _ = rested(0), rested(soon)
		if rest := rested(pace.EagerInterval); rest != 0 {
			t.Errorf("%v of rest after one that lasted", rest)
		}
	})
}

// TestAttemptLimits: nobody waits for an attempt in the background, and its
// limits go by what is known of the connection before.
func TestAttemptLimits(t *testing.T) {
	k := spareKeeper(t)
	k.known.learned.Proxied = 20 * time.Second
	if limits := (reconnecting{k}).newAttempt(new(pace.Backoff)).options.Limits; limits.Proxy != 40*time.Second || limits.Connect == 0 || limits.Lookup == 0 {
		t.Errorf("%+v", limits)
	}
	_, leave := service{k}.attend(true)
	defer leave()
	if limits := (reconnecting{k}).newAttempt(new(pace.Backoff)).options.Limits; limits != (sshconn.Limits{}) {
		t.Errorf("with a person there: %+v", limits)
	}
}

// TestAttemptFromAnAddressThatIsGone is begun again in the background, however
// far it has come, and one from an address that is there is not.
func TestAttemptFromAnAddressThatIsGone(t *testing.T) {
	here, gone := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, &net.TCPAddr{IP: net.IPv4(203, 0, 113, 9)}
	for _, test := range []struct {
		phase    string
		from     net.Addr
		attended bool
		want     bool
	}{
		{sshconn.PhaseConnect, nil, false, true},
		{sshconn.PhaseKex, here, false, false},
		{sshconn.PhaseKex, gone, false, true},
		{sshconn.PhaseAuth, here, false, false},
		{sshconn.PhaseAuth, gone, false, true},
		{sshconn.PhaseAuth, gone, true, false},
		{sshconn.PhaseSession, gone, false, false},
	} {
		k := spareKeeper(t)
		a := &attempt{r: reconnecting{k}, began: time.Now(), attended: test.attended}
		a.connectedFrom(test.from)
		a.progress(test.phase)
		k.epoch++
		if got := a.uselessLocked(); got != test.want {
			t.Errorf("%+v: useless %v", test, got)
		}
	}
}

// TestLaunchHearsOfAFailure: the launch that a slow attempt failed for has the
// time to leave before the server is asked again; nobody else has to wait for
// that.
func TestLaunchHearsOfAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := spareKeeper(t)
		_, leave := service{k}.attend(false)
		done := make(chan error, 1)
		go func() {
			done <- reconnecting{k}.pause(t.Context(), &attempt{r: reconnecting{k}}, net.ErrClosed, 0, new(pace.Backoff))
		}()
		synctest.Wait()
		leave()
		if err := <-done; !errors.Is(err, errUnwanted) {
			t.Errorf("%v after the launch has left, want %v", err, errUnwanted)
		}
		k.lifetime.kept = true
		_, leave = service{k}.attend(false)
		defer leave()
		began := time.Now()
		if err := (reconnecting{k}).pause(t.Context(), &attempt{r: reconnecting{k}}, net.ErrClosed, 0, new(pace.Backoff)); err != nil || time.Since(began) > 0 {
			t.Errorf("kept, it rests for %v; %v", time.Since(began), err)
		}
	})
}

// TestSlowLookup: a host key that was not looked up in time is tried again by
// itself, and one that was refused is not.
func TestSlowLookup(t *testing.T) {
	for problem, want := range map[string]bool{sshconn.KeySlow: false, sshconn.KeyUncheckable: true, sshconn.KeyRevoked: true} {
		if got := isRefusal(&sshconn.HostKeyError{Problem: problem}); got != want {
			t.Errorf("%s: %v", problem, got)
		}
	}
}
