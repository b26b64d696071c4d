package guard

import (
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// tallyPeriod is the time that one line of the log stands for.
const tallyPeriod = time.Minute

// tally writes what the remote asks for to the log: one line for all of it in a minute, and the first warning of each kind.
// Else a remote could push all other events out of the log by asking.
type tally struct {
	log zerolog.Logger

	mu      sync.Mutex
	period  *time.Timer // nil: nothing was counted since the last line
	counted counts
	warned  map[string]bool // the kinds of warnings in this period
}

// counts is what happened in a period.
type counts struct {
	channels, requests, signs int
	refused                   int // requests that were answered here with a failure
	failed                    int // channels that an error ended
}

// count has how change the counts.
func (t *tally) count(how func(*counts)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.beginLocked()
	how(&t.counted)
}

// warn logs a warning, unless there was one of that kind in this period. There are few kinds.
func (t *tally) warn(kind string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.beginLocked()
	if !t.warned[kind] {
		t.warned[kind] = true
		t.log.Warn().Err(err).Msg(kind)
	}
}

func (t *tally) beginLocked() {
	if t.period == nil {
		t.period = time.AfterFunc(tallyPeriod, t.tell)
		t.warned = make(map[string]bool)
	}
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
	if c == (counts{}) {
		return
	}
	t.log.Info().Int("channels", c.channels).Int("requests", c.requests).Int("signs", c.signs).
		Int("refused", c.refused).Int("failed", c.failed).Msg("agent requests")
}
