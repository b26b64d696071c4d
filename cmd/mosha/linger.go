package main

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// lingerer is the value of --linger: how long a keeper stays after its last
// session.
type lingerer time.Duration

// maxLinger is the longest that a keeper lingers. Who wants more wants mosha
// keep.
const maxLinger = 30 * 24 * time.Hour

// lingerUnits are those of sshd's time formats (sshd_config(5), in either case)
// and of Go's durations.
var lingerUnits = map[string]time.Duration{
	"": time.Second, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour,
	"ms": time.Millisecond, "us": time.Microsecond, "µs": time.Microsecond, "ns": time.Nanosecond,
}

// lingerPart is a number and its unit.
var lingerPart = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?|\.[0-9]+)([a-zµ]*)`)

// UnmarshalText reads seconds (90), or numbers with units (1h30m, 1.5h, 1d, 1w),
// which add up.
func (l *lingerer) UnmarshalText(text []byte) error {
	refused := fmt.Errorf("takes a duration such as 90 (seconds), 10m, 8h, 1d or 1w, at most %dd, not %q", maxLinger/(24*time.Hour), text)
	sum := 0.0
	for rest := strings.ToLower(string(text)); rest != ""; {
		part := lingerPart.FindStringSubmatch(rest)
		if part == nil {
			return refused
		}
		unit, known := lingerUnits[part[2]]
		number, err := strconv.ParseFloat(part[1], 64)
		if err != nil || !known {
			return refused
		}
		sum += number * float64(unit)
		rest = rest[len(part[0]):]
	}
	if sum < 1 || sum > float64(maxLinger) {
		return refused
	}
	*l = lingerer(math.Round(sum))
	return nil
}
