package main

import (
	"strings"
	"testing"
	"time"
)

// TestLingerForms: the time formats of sshd and of Go.
func TestLingerForms(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"90": 90 * time.Second, "600": 10 * time.Minute, "10m": 10 * time.Minute, "1h30m": 90 * time.Minute,
		"1d": day, "1w": 7 * day, "1w2d3h4m5s": 9*day + 3*time.Hour + 4*time.Minute + 5*time.Second,
		"1D": day, "1H30M": 90 * time.Minute, "1h30": time.Hour + 30*time.Second, "30d": 30 * day, "720h": 30 * day,
		"1.5h": 90 * time.Minute, ".5h": 30 * time.Minute, "500ms": 500 * time.Millisecond, "1m500ms": time.Minute + 500*time.Millisecond,
	} {
		var l lingerer
		if err := l.UnmarshalText([]byte(text)); err != nil || time.Duration(l) != want {
			t.Errorf("%q is %v, %v; want %v", text, time.Duration(l), err, want)
		}
	}
	for _, text := range []string{
		"", "0", "0d", "-5m", "-1", "soon", "5x", "1 h", "1h ", "h", "1y", "1M1y", "5w", "31d", "721h", "2592001", "30d1s",
		"1e3", "0x10", "1e9h", "inf", "nan", ".", "..5h", "1..5h", "+5m", "٣m", "1ſ", strings.Repeat("9", 400), strings.Repeat("1h", 1000),
	} {
		var l lingerer
		if err := l.UnmarshalText([]byte(text)); err == nil || l != 0 {
			t.Errorf("%q is %v, want an error", text, time.Duration(l))
		}
	}
}
