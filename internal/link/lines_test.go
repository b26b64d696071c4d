package link

import (
	"bytes"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mosha-ssh/mosha/internal/remotesh"
	"github.com/mosha-ssh/mosha/internal/text"
)

func TestParseLine(t *testing.T) {
	for line, want := range map[string]event{
		"conn -":                                Ends{},
		"conn UNKNOWN 65535 UNKNOWN 65535":      Ends{},
		"conn 1.2.3.4 70000 x 1":                Ends{},
		"conn a b c":                            Ends{},
		"sshd - -":                              process{},
		"sshd 2 1":                              process{PID: 2, Start: "1"},
		"sshd 99999 2026_Jan_1_10:00:00":        process{PID: 99999, Start: "2026_Jan_1_10:00:00"},
		"agent none":                            socket{},
		"agent /tmp/a b":                        socket{Path: "/tmp/a b"},
		"agent /home/\xfc/x":                    socket{Path: "/home/?/x"},
		"place loop":                            placeLoop,
		"place runtime":                         remotesh.PlaceRuntime,
		"pong 18446744073709551615 own":         pong{Token: 1<<64 - 1, Owner: ownerSelf},
		"pong 0 other":                          pong{Owner: ownerOther},
		"pong 0 none":                           pong{Owner: ownerNone},
		"pong 0 failed":                         pong{Owner: ownerFailed},
		"buried yes":                            buried{Done: true},
		"buried no":                             buried{},
		"link kept":                             outcome{State: kept},
		"link failed mkdir Disk quota exceeded": outcome{State: failed, Cause: &linkError{Detail: "Disk quota exceeded"}},
		"link failed agent ":                    outcome{State: failed, Cause: &linkError{NoAgent: true}},
	} {
		got, err := parseLine(line)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v, want %+v", line, got, err, want)
		}
	}
	for _, line := range []string{
		"", "x", "place", "place x", "place home ", "agent", "agent x", "link", "link failed", "link failed x", "link ok x",
		"pong", "pong 1", "pong 1 ", "pong -1 own", "pong 1 own ", "pong 1 yours", "buried", "buried maybe", "buried yes ",
		"sshd", "sshd 2", "sshd 2 ", "sshd 2 -", "sshd 1 1", "sshd -2 1", "sshd 2147483648 1", "sshd 2 1 1", "sshd 2 $(x)", "sshd - 1",
	} {
		if event, err := parseLine(line); !isError(err, remotesh.Malformed) {
			t.Errorf("%q: %v, %v", line, event, err)
		}
	}
}

func isError(err error, kind remotesh.Kind) bool {
	var failed *remotesh.Error
	return errors.As(err, &failed) && failed.Kind == kind
}

func TestOrders(t *testing.T) {
	for want, got := range map[string]order{
		"reclaim yes /tmp/a b\n": reclaim(true, "/tmp/a b"),
		"reclaim no -\n":         reclaim(false, ""),
		"reclaim yes -\n":        reclaim(true, "/tmp/a\nquit"),
		"reclaim no /a\t/b c\n":  reclaim(false, "/a", "x", "", "/b\tx", "/b c"),
		"ping 7\n":               ping(7),
		"bury 12 34 /tmp/a b\n":  bury(process{PID: 12, Start: "34"}, "/tmp/a b"),
		"bury 12 34 -\n":         bury(process{PID: 12, Start: "34"}, ""),
		"bury - - /a\n":          bury(process{PID: 1, Start: "34"}, "/a"),
	} {
		compare(t, "order", order(want), got)
	}
	for _, path := range []string{"x", "/tmp/\x00", "/tmp/\x1b[m", " /tmp/a", "/tmp/a ", "/" + strings.Repeat("x", text.MaxASCII)} {
		compare(t, path, reclaim(false, ""), reclaim(false, path))
		compare(t, path, bury(process{}, ""), bury(process{}, path))
	}
	for _, s := range []process{{}, {PID: 12}, {PID: -12, Start: "1"}, {PID: 12, Start: "-"}, {PID: 12, Start: "1\nquit"}} {
		compare(t, s.Start, bury(process{}, ""), bury(s, ""))
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("hello\n" + holderMarker + "\nconn ::1 2 1.2.3.4 22\nsshd 5 6\nagent /tmp/x\nlink ok\npong 1 own\n"))
	f.Add([]byte(holderMarker + "\nlink failed write No space left on device\nagent none\nburied no\n"))
	f.Fuzz(func(t *testing.T, output []byte) {
		r := newReader(bytes.NewReader(output))
		for {
			event, err := r.Next()
			if err != nil {
				var failed *remotesh.Error
				if !errors.As(err, &failed) {
					t.Errorf("%v is not a script's error", err)
				}
				return
			}
			switch event := event.(type) {
			case socket:
				checkLine(t, reclaim(true, event.Path), 3)
				checkLine(t, bury(process{}, event.Path), 4)
				if paths := string(reclaim(true, event.Path, event.Path)); event.Path != "" && strings.Count(paths, "\t") > 1 {
					t.Errorf("two paths make %q", paths)
				}
			case process:
				checkLine(t, bury(event, ""), 4)
				if event.PID == 1 || event.PID < 0 {
					t.Errorf("the sshd is %v", event)
				}
			}
		}
	})
}

func compare(t *testing.T, what string, want, got any) {
	t.Helper()
	addresses := cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
	if diff := cmp.Diff(want, got, addresses); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// checkLine checks that an order is one line of printable words, whatever the
// remote said.
func checkLine(t *testing.T, o order, words int) {
	t.Helper()
	line, ended := strings.CutSuffix(string(o), "\n")
	if !ended || text.ASCII(line) != line || len(strings.SplitN(line, " ", words)) != words {
		t.Errorf("the order is %q", o)
	}
}
