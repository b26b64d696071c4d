package pulse

import "time"

// doubt judges a connection that has not answered yet. A server that has let us
// in may take long for what it does before it serves sessions, and says nothing
// meanwhile: PAM's session step runs before sshd reads another packet. Its
// machine acknowledges what we send all the same. So a connection is in doubt
// when that has not come for lostLimit, or soon after an event; where it cannot
// be seen, when twice the time has passed that the last connection took; and in
// any case after maxFirst. Where the user has set how long an answer may take, it
// is that or an event.
type doubt struct {
	late, took time.Duration // as in pulse
	began      time.Time
	reached    time.Time // when nothing waited to be acknowledged, as far as can be seen
	underWay   bool      // something waited to be acknowledged the last time
	due        time.Time // until when something has to come, after an event; zero: there was none
}

const (
	// lostLimit is for an acknowledgement, which takes a round trip.
	lostLimit = 5 * time.Second
	// minFirst and maxFirst are the limits for a first answer.
	minFirst, maxFirst = 10 * time.Second, time.Minute
	// probeEvery is how often the connection is looked at meanwhile.
	probeEvery = minLate / 4
)

func newDoubt(late, took time.Duration) *doubt {
	now := time.Now()
	return &doubt{late: late, took: took, began: now, reached: now}
}

// grows reports whether there is reason to doubt the connection, now. checked is
// set if something has happened that may have broken it.
func (d *doubt) grows(now time.Time, checked bool, probe func() (confirmed, known bool)) bool {
	waited := now.Sub(d.began)
	confirmed, known := probe()
	arrived := confirmed || d.underWay && !known
	d.underWay = known && !confirmed
	if checked {
		d.due = now.Add(d.soon(known))
		arrived = false // that was before
	}
	if arrived {
		d.due = time.Time{}
	}
	if arrived || !known {
		d.reached = now
	}
	switch {
	case !d.due.IsZero() && !now.Before(d.due):
		return true
	case d.late > 0:
		return waited >= d.late
	case waited >= maxFirst:
		return true
	case known:
		return now.Sub(d.reached) >= lostLimit
	}
	return d.took > 0 && waited >= max(2*d.took, minFirst)
}

// soon is how long something may take to come after an event.
func (d *doubt) soon(known bool) time.Duration {
	switch {
	case known:
		return minLate
	case d.took == 0:
		return minFirst
	}
	return max(2*d.took, minLate)
}
