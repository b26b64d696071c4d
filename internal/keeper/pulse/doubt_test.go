package pulse

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestPulseWaitsForAFirstAnswer: a server whose machine acknowledges what is
// sent to it is busy, not gone, and one that does not is noticed soon.
func TestPulseWaitsForAFirstAnswer(t *testing.T) {
	const never = -1
	for name, test := range map[string]struct {
		answer    time.Duration
		took      time.Duration // the last time
		known     bool          // whether acknowledgements can be seen
		cut       time.Duration // from then on there is none
		check     time.Duration // a network event
		doubtFrom time.Duration // never: there is none
		doubtTo   time.Duration
	}{
		"PAM takes 12 s":                  {answer: 12 * time.Second, known: true, cut: never, check: never, doubtFrom: never},
		"PAM takes 40 s":                  {answer: 40 * time.Second, took: time.Millisecond, known: true, cut: never, check: never, doubtFrom: never},
		"an event meanwhile":              {answer: 40 * time.Second, known: true, cut: never, check: 5 * time.Second, doubtFrom: never},
		"it says nothing for ever":        {answer: never, known: true, cut: never, check: never, doubtFrom: maxFirst, doubtTo: maxFirst + time.Second},
		"the network goes":                {answer: never, known: true, cut: 2 * time.Second, check: never, doubtFrom: 2 * time.Second, doubtTo: 3*time.Second + lostLimit},
		"the network goes, with an event": {answer: never, known: true, cut: 2 * time.Second, check: 2 * time.Second, doubtFrom: 2 * time.Second, doubtTo: 2*time.Second + minLate + probeEvery},
		"behind a proxy":                  {answer: 40 * time.Second, cut: never, check: never, doubtFrom: never},
		"behind a proxy, quick before":    {answer: 40 * time.Second, took: time.Second, cut: never, check: never, doubtFrom: minFirst, doubtTo: minFirst + time.Second},
		"behind a proxy, slow before":     {answer: 40 * time.Second, took: 25 * time.Second, cut: never, check: never, doubtFrom: never},
		"a proxy, and an event":           {answer: never, took: time.Second, cut: never, check: 3 * time.Second, doubtFrom: 3 * time.Second, doubtTo: 6 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, other := startPulse(t, 0, 0, test.answer, func(p *Pulse) {
					began := time.Now()
					p.Took = test.took
					p.Probe = func() (bool, bool) {
						return test.known && (test.cut < 0 || time.Since(began) < test.cut), test.known
					}
				})
				if test.check >= 0 {
					time.AfterFunc(test.check, p.Check)
				}
				quiet := test.answer - 1
				if test.doubtFrom >= 0 {
					quiet = test.doubtFrom - 1
				}
				time.Sleep(quiet)
				other.expect(t)
				if test.doubtFrom >= 0 {
					time.Sleep(test.doubtTo - quiet)
					other.expect(t, "overdue")
					quiet = test.doubtTo
				}
				if test.answer >= 0 {
					time.Sleep(test.answer - quiet + 1)
					other.expect(t, "alive")
				}
			})
		})
	}
}

// TestPulseHearsOfEventsBeforeItsFirstAnswer, also where the user has set how
// long an answer may take.
func TestPulseHearsOfEventsBeforeItsFirstAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, other := startPulse(t, 15*time.Second, 45*time.Second, -1, func(p *Pulse) {
			p.Probe = func() (bool, bool) { return false, true }
		})
		time.Sleep(10 * time.Second)
		other.expect(t)
		p.Check()
		time.Sleep(minLate + probeEvery)
		other.expect(t, "overdue")
	})
}

// TestPulseOfAMaster: over ssh it cannot be seen that something new was
// acknowledged, but that something is under way, as for a round trip when a
// session is asked for, and no longer is.
func TestPulseOfAMaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, cut := time.Now(), 20*time.Second
		p, other := startPulse(t, 0, 0, -1, func(p *Pulse) {
			p.Probe = func() (bool, bool) {
				at := time.Since(began)
				return false, at >= 8*time.Second && at < 8300*time.Millisecond || at >= cut
			}
		})
		time.Sleep(8100 * time.Millisecond)
		p.Check()
		time.Sleep(time.Until(began.Add(cut + lostLimit - 2*probeEvery)))
		other.expect(t)
		time.Sleep(3 * probeEvery)
		other.expect(t, "overdue")
	})
}
