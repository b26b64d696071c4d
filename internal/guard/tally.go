package guard

import (
	"sync"
	"time"

	"github.com/rs/zerolog"
)

const (
	// tallyPeriod is the time that one line of the log stands for.
	tallyPeriod = time.Minute

	// warnPeriod is the time for which a warning is not repeated.
	warnPeriod = time.Hour
)

// tally logs what the remote asks for: one line a minute for all of it, and a
// warning of each kind once an hour. Otherwise a remote could push all other
// events out of the log by asking.
type tally struct {
	log zerolog.Logger

	mu      sync.Mutex
	period  *time.Timer          // nil: nothing was counted since the last line
	counted counts               // in this period
	all     counts               // since the beginning
	warned  map[string]time.Time // when there was a warning of that kind last
}

// counts is what happened in some time.
type counts struct {
	channels, requests, signs int
	refused                   int // requests that were answered here with a failure
	failed                    int // channels that an error ended
}

// count calls how to change the counts.
func (t *tally) count(how func(*counts)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.period == nil {
		t.period = time.AfterFunc(tallyPeriod, t.tell)
	}
	how(&t.counted)
	how(&t.all)
}

// Served returns what was asked for on the channels that have ended.
func (g *Guard) Served() Stats {
	g.tally.mu.Lock()
	defer g.tally.mu.Unlock()
	return Stats{Requests: g.tally.all.requests, Signs: g.tally.all.signs}
}

// warn logs a warning, unless there was one of that kind lately. There are few
// kinds.
func (t *tally) warn(kind string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.warned[kind]; ok && time.Since(last) < warnPeriod {
		return
	}
	t.warned[kind] = time.Now()
	t.log.Warn().Err(err).Msg(kind)
}

// tell writes the line for the period that ends.
func (t *tally) tell() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.period == nil {
		return
	}
	t.period.Stop()
	t.period = nil
	c := t.counted
	t.counted = counts{}
	t.log.Info().Int("channels", c.channels).Int("requests", c.requests).Int("signs", c.signs).
		Int("refused", c.refused).Int("failed", c.failed).Msg("agent requests")
}
