package main

import (
	"errors"
	"os"
	"os/signal"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
)

// TestUntilInterrupted: under nohup, a hangup does not end a watch. It is not
// parallel: it changes what the process ignores.
func TestUntilInterrupted(t *testing.T) {
	signal.Ignore(unix.SIGHUP)
	defer signal.Reset(unix.SIGHUP)
	ctx, stop := untilInterrupted(t.Context())
	defer stop()
	for _, s := range []unix.Signal{unix.SIGHUP, unix.SIGTERM} {
		if err := unix.Kill(os.Getpid(), s); err != nil {
			t.Fatal(err)
		}
		ends := s == unix.SIGTERM
		select {
		case <-ctx.Done():
			if !ends {
				t.Fatalf("%v ended it", s)
			}
		case <-time.After(map[bool]time.Duration{false: 200 * time.Millisecond, true: time.Minute}[ends]):
			if ends {
				t.Errorf("%v did not end it", s)
			}
		}
	}
}

func TestTable(t *testing.T) {
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	got := table(sighting{
		alive: []*control.Status{
			{Destination: "devbox", State: control.Up, Since: since, Trip: 0.0523, Sessions: 2, Reconnects: 3, Requests: 40, Link: "own"},
			{Destination: "me@b", State: control.Lost, Since: since, Lost: 61.9, Trip: 0.0004, Kept: true, Link: "other"},
			{Destination: "c", State: control.Waiting, Since: since, Lost: 300, Retry: 4.1, Trip: 1.2345, Sessions: 1, Problems: []string{"no \x1b[5mroute"}},
			{Destination: "d", State: control.NeedsAuth, Since: since, Sessions: 1, Problems: []string{"not let in"}},
			{Destination: "e", State: control.Connecting, Since: since},
		},
		unknown: []control.Unknown{
			{ID: "0123456789abcdef", Err: &control.SilentError{Log: "/log"}},
			{ID: "fedcba9876543210", Err: &control.VersionError{Keeper: 1, Client: 2}},
		},
	}, 0)
	want := strings.TrimPrefix(`
HOST     STATE             SESSIONS   ROUND TRIP   CONNECTED SINCE    RECONNECTS   AGENT REQUESTS   AGENT
devbox   up                2          52 ms        2026-01-02 03:04   3            40               own
me@b     lost for 61 s     0, kept    0.4 ms       -                  0            0                other
c        retrying in 5 s   1          1234 ms      -                  0            0                -
d        needs-auth        1          -            -                  0            0                -
e        connecting        0          -            -                  0            0                -
c: no \x1b[5mroute
d: not let in
d: it tries again when you do: mosha reconnect d
0123456789abcdef: the connection in the background does not answer (is its process stopped, or the machine overloaded? log: /log)
fedcba9876543210: the connection in the background was made by an older version of mosha (end it: mosha stop HOST)
`, "\n")
	if got != want {
		t.Errorf("the table is\n%s\nwant\n%s", got, want)
	}
	if empty := table(sighting{}, 80); empty != "no connection in the background\n" {
		t.Errorf("without a keeper it is %q", empty)
	}
}

// TestTableFits: whatever is in it, no line is wider than the terminal, no
// narrower than it could be, and each row says what matters most.
func TestTableFits(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local)
	long := "someone@" + strings.Repeat("a-long-name.", 9) + "example.com"
	seen := sighting{
		alive: []*control.Status{
			{Destination: "devbox", State: control.Up, Since: since, Trip: 0.0523, Sessions: 2, Reconnects: 3, Requests: 40, Link: "own"},
			{Destination: long, State: control.Waiting, Since: since, Retry: 29.5, Kept: true, Sessions: 12, Reconnects: 1234567, Requests: 123456789, Link: "failed",
				Problems: []string{"dial tcp: " + strings.Repeat("words and ", 20) + strings.Repeat("x", 300)}},
		},
		unknown: []control.Unknown{{ID: "0123456789abcdef", Err: &control.SilentError{Log: "/" + strings.Repeat("deep/", 40) + "log"}}},
	}
	for width, titles := range map[int]string{
		40:  "HOST STATE AGENT",
		80:  "HOST STATE SESSIONS ROUND TRIP CONNECTED SINCE AGENT",
		120: "HOST STATE SESSIONS ROUND TRIP CONNECTED SINCE RECONNECTS AGENT REQUESTS AGENT",
		300: "HOST STATE SESSIONS ROUND TRIP CONNECTED SINCE RECONNECTS AGENT REQUESTS AGENT",
	} {
		lines := strings.Split(strings.TrimSuffix(table(seen, width), "\n"), "\n")
		if got := strings.Join(strings.Fields(lines[0]), " "); got != titles {
			t.Errorf("at %d columns it has %s, want %s", width, got, titles)
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > width {
				t.Errorf("%d columns at %d: %s", n, width, line)
			}
		}
		if whole := strings.Contains(lines[2], long); whole != (width == 300) {
			t.Errorf("at %d columns the name is %s", width, lines[2])
		}
		if all := strings.Join(strings.Fields(strings.Join(lines, "")), ""); !strings.Contains(all, strings.Repeat("x", 300)) {
			t.Errorf("at %d columns words are missing:\n%s", width, strings.Join(lines, "\n"))
		}
	}
}

func TestVerdict(t *testing.T) {
	up := sighting{alive: []*control.Status{{State: control.Up}}}
	lost := sighting{alive: []*control.Status{{State: control.Lost}}}
	for _, c := range []struct {
		host string
		seen sighting
		code int
	}{
		{"devbox", up, 0}, {"devbox", lost, explain.ExitNotUp}, {"devbox", sighting{err: errors.New("no connection")}, explain.ExitNotUp},
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
