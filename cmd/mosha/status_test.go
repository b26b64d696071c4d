package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper"
)

func TestTable(t *testing.T) {
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	got := table(sighting{
		alive: []*keeper.Status{
			{Destination: "devbox", State: keeper.Up, Since: since, Trip: 0.0523, Sessions: 2, Reconnects: 3, Requests: 40, Link: "own"},
			{Destination: "me@b", State: keeper.Lost, Since: since, Lost: 61.9, Trip: 0.0004, Kept: true, Link: "other"},
			{Destination: "c", State: keeper.Waiting, Since: since, Lost: 300, Retry: 4.1, Trip: 1.2345, Sessions: 1, Problems: []string{"no \x1b[5mroute"}},
			{Destination: "d", State: keeper.NeedsAuth, Since: since, Sessions: 1, Problems: []string{"not let in"}},
			{Destination: "e", State: keeper.Connecting, Since: since},
		},
		unknown: []keeper.Unknown{
			{ID: "0123456789abcdef", Err: &keeper.SilentError{Log: "/log"}},
			{ID: "fedcba9876543210", Err: &keeper.VersionError{Keeper: 1, Client: 2}},
		},
	})
	want := strings.TrimPrefix(`
HOST     STATE           SESSIONS   ROUND TRIP   CONNECTED SINCE       RECONNECTS   AGENT REQUESTS   LINK
devbox   up              2          52 ms        2026-01-02 03:04:05   3            40               own
me@b     lost for 61 s   0, kept    0.4 ms       -                     0            0                other
c        retrying in 5 s 1          1234 ms       -                     0            0                -
d        needs-auth      1          -            -                     0            0                -
e        connecting      0          -            -                     0            0                -
c: no \x1b[5mroute
d: not let in
d: it tries again when you do: mosha keep d
keeper 0123456789abcdef: the keeper does not answer (is it stopped, or the machine overloaded? log: /log)
keeper fedcba9876543210: the keeper that runs is of an older version of mosha (end it: mosha stop HOST)
`, "\n")
	if squeeze(got) != squeeze(want) {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
	if empty := table(sighting{}); empty != "no keeper runs\n" {
		t.Errorf("without a keeper it is %q", empty)
	}
}

// squeeze makes one blank of many: how wide the columns are is not of interest.
func squeeze(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}
	return strings.Join(lines, "\n")
}

func TestVerdict(t *testing.T) {
	up := sighting{alive: []*keeper.Status{{State: keeper.Up}}}
	lost := sighting{alive: []*keeper.Status{{State: keeper.Lost}}}
	for _, c := range []struct {
		host string
		seen sighting
		code int
	}{
		{"devbox", up, 0}, {"devbox", lost, exitNotUp}, {"devbox", sighting{err: errors.New("no keeper")}, exitNotUp},
		{"", up, 0}, {"", lost, 0}, {"", sighting{}, 0},
	} {
		code := 0
		var exit *exitError
		if errors.As(statusCmd{Host: c.host}.verdict(c.seen), &exit) {
			code = exit.Code
		}
		if code != c.code {
			t.Errorf("host %q, %+v: exit %d, want %d", c.host, c.seen, code, c.code)
		}
	}
}
