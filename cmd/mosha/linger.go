package main

import (
	"fmt"
	"strings"
	"time"
)

// lingerer is the value of --linger: how long a keeper stays after its last
// session.
type lingerer time.Duration

// maxLinger is the longest that a keeper lingers. Who wants more wants mosha
// keep.
const maxLinger = 30 * 24 * time.Hour

// UnmarshalText reads seconds (90) or Go's form of a duration (1h30m).
func (l *lingerer) UnmarshalText(text []byte) error {
	word := string(text)
	if word != "" && strings.Trim(word, "0123456789") == "" {
		word += "s"
	}
	d, err := time.ParseDuration(word)
	if err != nil || d <= 0 || d > maxLinger {
		return fmt.Errorf("takes a duration such as 90 (seconds), 10m or 8h, at most %dh, not %q", int(maxLinger.Hours()), text)
	}
	*l = lingerer(d)
	return nil
}
