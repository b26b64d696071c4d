// Package pulse tells whether the other end of a connection lives: it asks again
// and again, and judges how long the answer takes.
package pulse

import (
	"context"
	"time"
)

const (
	// restPulse is how often an idle connection is asked whether it lives,
	// where the user's ServerAliveInterval does not say otherwise.
	restPulse = 5 * time.Second
	// An answer is late after four times the deviation of the round trip time
	// on top of it (as TCP's retransmission timeout, RFC 6298), but never
	// before minLate, and always after maxLate.
	minLate = time.Second
	maxLate = 10 * time.Second
	// minSoon is the least that a question gets which a network event caused.
	minSoon = 200 * time.Millisecond
)

// roundTrip estimates the time that an answer takes (RFC 6298, section 2).
type roundTrip struct{ smooth, deviation time.Duration }

// measured takes one more measurement into account.
func (r *roundTrip) measured(d time.Duration) {
	if r.smooth == 0 {
		r.smooth, r.deviation = d, d/2
		return
	}
	r.deviation += ((d - r.smooth).Abs() - r.deviation) / 4
	r.smooth += (d - r.smooth) / 8
}

// late is how long after a question its answer is overdue.
func (r *roundTrip) late() time.Duration {
	if r.smooth == 0 {
		return maxLate
	}
	return min(max(r.smooth+4*r.deviation+minLate/2, minLate), maxLate)
}

// soon is how long the answer to a question may take that is asked because
// something happened.
func (r *roundTrip) soon() time.Duration {
	if r.smooth == 0 {
		return minLate
	}
	return min(max(2*r.smooth+minSoon/2, minSoon), maxLate)
}

// Pulse asks the other end again and again whether it is there. One goroutine
// runs it; Check may be called from any.
//
//	      at once                   not even acknowledged, or after very long
//	begun -------> asking first -----------------------> overdue, told once
//	                    |                                   |
//	                    +----------------+------------------+
//	                                     | answer
//	        rest is over, Now or Check   v
//	resting ------------------------> asking --late--> overdue, told once
//	   ^                                |                 |
//	   +------------ answer ------------+-----------------+
//
// The first questions go out at once, so that the round trip time is known
// before it is needed: an outage may begin with the session.
//
// The functions are set before Run, which calls them.
type Pulse struct {
	Ask     func(token uint64)             // puts a question; must not block
	Overdue func()                         // an answer did not come in time
	Alive   func(time.Duration)            // an answer came; the round trip time as it is now, 0 if unknown
	Probe   func() (confirmed, known bool) // see sshconn.Connection
	Took    time.Duration                  // until the first answer of the connection before, 0: not known
	Rest    time.Duration                  // between an answer and the next question

	late time.Duration // fixed limit for an answer; 0: it follows the round trip time

	answers chan uint64   // the tokens that came back
	nows    chan struct{} // one slot
	checks  chan struct{} // one slot
}

// New returns a pulse that rests this long between an answer and the next
// question, and takes an answer for overdue after late. Without rest both
// follow the round trip time.
func New(rest, late time.Duration) *Pulse {
	if rest <= 0 {
		rest, late = restPulse, 0
	}
	return &Pulse{
		Rest: rest, late: late,
		answers: make(chan uint64, 1), nows: make(chan struct{}, 1), checks: make(chan struct{}, 1),
	}
}

// Now asks the next question without rest, though nothing is in doubt.
func (p *Pulse) Now() { wakeUp(p.nows) }

// Check asks at once: something happened that may have broken the connection.
func (p *Pulse) Check() { wakeUp(p.checks) }

func wakeUp(slot chan<- struct{}) {
	select {
	case slot <- struct{}{}:
	default:
	}
}

// Answered takes the answer to a question. At most one is under way, so a
// second one in the channel is a repetition of an older one.
func (p *Pulse) Answered(token uint64) {
	select {
	case <-p.answers:
	default:
	}
	select {
	case p.answers <- token:
	default:
	}
}

// Run asks until ctx ends. A late answer still counts as one: whoever was told
// that it was overdue is told that the other end lives after all.
func (p *Pulse) Run(ctx context.Context) {
	var estimate roundTrip
	const first = 1
	asked := time.Now()
	p.Ask(first)
	if !p.awaitFirst(ctx, first) {
		return
	}
	rest := time.Duration(0)
	if took := time.Since(asked); took < minLate { // else the server was busy, it may be
		estimate.measured(took)
		rest = p.Rest
	}
	p.Alive(estimate.smooth)
	timer := time.NewTimer(rest)
	defer timer.Stop()
	late := false // the last answer
	for token := uint64(first + 1); ; token++ {
		limit := p.late
		if limit == 0 {
			limit = estimate.late()
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-p.nows:
		case <-p.checks:
			limit = estimate.soon()
		}
		asked := time.Now()
		p.Ask(token)
		inTime, ok := p.await(ctx, token, limit, estimate.soon())
		if !ok {
			return
		}
		if inTime || late { // a late answer measures an outage, unless the one before was late, too
			estimate.measured(time.Since(asked))
		}
		late = !inTime
		p.Alive(estimate.smooth)
		timer.Reset(p.Rest)
	}
}

// awaitFirst waits for the answer to the first question, however long that
// takes. It tells once that there is reason to doubt that one will come. It
// returns false when ctx ends.
func (p *Pulse) awaitFirst(ctx context.Context, token uint64) bool {
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	doubt, told := newDoubt(p.late, p.Took), false
	for {
		checked := false
		select {
		case got := <-p.answers:
			if got == token {
				return true
			}
		case <-ctx.Done():
			return false
		case <-p.checks:
			checked = true
		case <-ticker.C:
		}
		if told {
			continue
		}
		if doubt.grows(time.Now(), checked, p.Probe) {
			told = true
			p.Overdue()
		}
	}
}

// await waits for the answer to the question with this token, however long
// that takes, and tells once that it is overdue. A check meanwhile is served by
// the question that is under way, whose answer is then expected soon.
func (p *Pulse) await(ctx context.Context, token uint64, limit, soon time.Duration) (inTime, ok bool) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	due := time.Now().Add(limit)
	inTime = true
	for {
		select {
		case got := <-p.answers:
			if got == token {
				return inTime, true
			}
		case <-timer.C:
			inTime = false
			p.Overdue()
		case <-p.checks:
			if sooner := time.Now().Add(soon); inTime && sooner.Before(due) {
				due = sooner
				timer.Reset(soon)
			}
		case <-ctx.Done():
			return false, false
		}
	}
}
