package pulse

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// peer answers a pulse's questions after a while that the test sets, or never.
type peer struct {
	mu     sync.Mutex
	after  time.Duration   // negative: never
	asked  []time.Duration // when, since the start
	events []string
}

func (o *peer) answersAfter(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.after = d
}

func (o *peer) happened(event string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = append(o.events, event)
}

func (o *peer) questions() int {
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.asked)
}

// startPulse runs a pulse against a peer within a synctest bubble.
func startPulse(t *testing.T, rest, late, after time.Duration, prepare ...func(*Pulse)) (*Pulse, *peer) {
	t.Helper()
	p := New(rest, late)
	other := &peer{after: after}
	began := time.Now()
	p.Ask = func(token uint64) {
		other.mu.Lock()
		defer other.mu.Unlock()
		other.asked = append(other.asked, time.Since(began))
		if other.after >= 0 {
			time.AfterFunc(other.after, func() { p.Answered(token) })
		}
	}
	p.Probe = func() (confirmed, known bool) { return false, false }
	p.Overdue = func() { other.happened("overdue") }
	p.Alive = func(time.Duration) { other.happened("alive") }
	for _, f := range prepare {
		f(p)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return p, other
}

func (o *peer) expect(t *testing.T, events ...string) {
	t.Helper()
	synctest.Wait()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Equal(o.events, events) {
		t.Fatalf("events %v, want %v", o.events, events)
	}
	o.events = nil
}

// TestPulseRests: an idle connection is asked every five seconds, not more.
func TestPulseRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, other := startPulse(t, 0, 0, 50*time.Millisecond)
		time.Sleep(time.Minute)
		if n := other.questions(); n < 12 || n > 13 {
			t.Errorf("asked %d times in a minute", n)
		}
	})
}

// TestPulseNoticesSilence within a second of a question, once the round trip
// time is known, and says it once.
func TestPulseNoticesSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, other := startPulse(t, 0, 0, 50*time.Millisecond)
		time.Sleep(60 * time.Millisecond)
		other.expect(t, "alive")
		other.answersAfter(-1)
		time.Sleep(restPulse + minLate)
		other.expect(t, "overdue")
		time.Sleep(time.Hour)
		other.expect(t)
	})
}

// TestPulseTakesALateAnswer: the connection lived after all, and the outage is
// not taken for its round trip time.
func TestPulseTakesALateAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, other := startPulse(t, 0, 0, 50*time.Millisecond)
		time.Sleep(60 * time.Millisecond)
		other.expect(t, "alive")
		other.answersAfter(time.Minute)
		time.Sleep(restPulse + 30*time.Second)
		other.expect(t, "overdue")
		time.Sleep(30 * time.Second)
		other.expect(t, "alive")
		other.answersAfter(-1)
		p.Check()
		time.Sleep(time.Second)
		other.expect(t, "overdue")
	})
}

// TestPulseFollowsALongerWay: of two answers that come late, the second is no
// outage, and the next is as expected.
func TestPulseFollowsALongerWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const roundTrip = 4 * time.Second
		_, other := startPulse(t, 0, 0, 50*time.Millisecond)
		time.Sleep(60 * time.Millisecond)
		other.expect(t, "alive")
		other.answersAfter(roundTrip)
		time.Sleep(2 * (restPulse + roundTrip))
		other.expect(t, "overdue", "alive", "overdue", "alive")
		time.Sleep(10 * (restPulse + roundTrip))
		other.expect(t, slices.Repeat([]string{"alive"}, 10)...)
	})
}

// TestPulseChecks: an event asks at once and expects the answer soon, also
// where a question is under way.
func TestPulseChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, other := startPulse(t, 0, 0, 50*time.Millisecond)
		time.Sleep(60 * time.Millisecond)
		other.expect(t, "alive")
		other.answersAfter(-1)
		p.Check()
		time.Sleep(300 * time.Millisecond)
		other.expect(t, "overdue")
	})
	synctest.Test(t, func(t *testing.T) {
		p, other := startPulse(t, 0, 0, 50*time.Millisecond)
		time.Sleep(60 * time.Millisecond)
		other.expect(t, "alive")
		other.answersAfter(-1)
		time.Sleep(restPulse) // a question goes out and is lost
		p.Check()
		time.Sleep(300 * time.Millisecond)
		other.expect(t, "overdue")
	})
}

// TestPulseAsksNow, at its start and when it is told to, without doubt.
func TestPulseAsksNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, other := startPulse(t, 0, 0, 50*time.Millisecond)
		synctest.Wait()
		p.Now() // while the first is under way: it is asked next
		time.Sleep(110 * time.Millisecond)
		other.expect(t, "alive", "alive")
		other.answersAfter(500 * time.Millisecond) // which a check would not wait for
		p.Now()
		time.Sleep(510 * time.Millisecond)
		other.expect(t, "alive")
		time.Sleep(restPulse / 2)
		if n := other.questions(); n != 3 {
			t.Errorf("asked %d times, want 3", n)
		}
	})
}

// TestPulseFollowsTheUser: ServerAliveInterval and CountMax.
func TestPulseFollowsTheUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, other := startPulse(t, time.Minute, 3*time.Minute, 0)
		time.Sleep(59 * time.Second)
		other.expect(t, "alive")
		other.answersAfter(-1)
		if n := other.questions(); n != 1 {
			t.Errorf("asked %d times before a minute was over", n)
		}
		time.Sleep(3 * time.Minute)
		other.expect(t)
		time.Sleep(2 * time.Second)
		other.expect(t, "overdue")
	})
}

// TestPulseIgnoresStrayAnswers: a repeated or invented token answers nothing.
func TestPulseIgnoresStrayAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, other := startPulse(t, 0, 0, -1)
		synctest.Wait()
		p.Answered(7)
		p.Answered(7)
		synctest.Wait()
		p.Answered(99)
		other.expect(t)
		p.Answered(1)
		other.expect(t, "alive")
	})
}

func TestRoundTrip(t *testing.T) {
	var r roundTrip
	if r.late() != maxLate {
		t.Errorf("unknown: %v", r.late())
	}
	for range 20 {
		r.measured(50 * time.Millisecond)
	}
	if r.late() != minLate {
		t.Errorf("steady 50 ms: late after %v, want %v", r.late(), minLate)
	}
	for range 20 {
		r.measured(2 * time.Second)
	}
	if late := r.late(); late < 2*time.Second || late > maxLate {
		t.Errorf("steady 2 s: late after %v", late)
	}
	r.measured(time.Hour)
	if r.late() != maxLate || r.soon() != maxLate {
		t.Errorf("an hour: late after %v, soon %v", r.late(), r.soon())
	}
}
