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
	for line, want := range map[string]Event{
		"conn -":                                Ends{},
		"conn UNKNOWN 65535 UNKNOWN 65535":      Ends{},
		"conn 1.2.3.4 70000 x 1":                Ends{},
		"conn a b c":                            Ends{},
		"sshd - -":                              Sshd{},
		"sshd 2 1":                              Sshd{PID: 2, Start: "1"},
		"sshd 99999 2026_Jan_1_10:00:00":        Sshd{PID: 99999, Start: "2026_Jan_1_10:00:00"},
		"agent none":                            Agent{},
		"agent /tmp/a b":                        Agent{Path: "/tmp/a b"},
		"agent /home/\xfc/x":                    Agent{Path: "/home/?/x"},
		"place loop":                            PlaceLoop,
		"place runtime":                         remotesh.PlaceRuntime,
		"pong 18446744073709551615 own":         Pong{Token: 1<<64 - 1, Owner: OwnerSelf},
		"pong 0 other":                          Pong{Owner: OwnerOther},
		"pong 0 none":                           Pong{Owner: OwnerNone},
		"pong 0 failed":                         Pong{Owner: OwnerFailed},
		"buried yes":                            Buried{Done: true},
		"buried no":                             Buried{},
		"link kept":                             Outcome{State: Kept},
		"link failed mkdir Disk quota exceeded": Outcome{State: Failed, Cause: &Error{Detail: "Disk quota exceeded"}},
		"link failed agent ":                    Outcome{State: Failed, Cause: &Error{NoAgent: true}},
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
	for want, got := range map[string]Order{
		"reclaim yes /tmp/a b\n": Reclaim(true, "/tmp/a b"),
		"reclaim no -\n":         Reclaim(false, ""),
		"reclaim yes -\n":        Reclaim(true, "/tmp/a\nquit"),
		"reclaim no /a\t/b c\n":  Reclaim(false, "/a", "x", "", "/b\tx", "/b c"),
		"ping 7\n":               Ping(7),
		"bury 12 34 /tmp/a b\n":  Bury(Sshd{PID: 12, Start: "34"}, "/tmp/a b"),
		"bury 12 34 -\n":         Bury(Sshd{PID: 12, Start: "34"}, ""),
		"bury - - /a\n":          Bury(Sshd{PID: 1, Start: "34"}, "/a"),
	} {
		compare(t, "order", Order(want), got)
	}
	for _, path := range []string{"x", "/tmp/\x00", "/tmp/\x1b[m", " /tmp/a", "/tmp/a ", "/" + strings.Repeat("x", text.MaxASCII)} {
		compare(t, path, Reclaim(false, ""), Reclaim(false, path))
		compare(t, path, Bury(Sshd{}, ""), Bury(Sshd{}, path))
	}
	for _, s := range []Sshd{{}, {PID: 12}, {PID: -12, Start: "1"}, {PID: 12, Start: "-"}, {PID: 12, Start: "1\nquit"}} {
		compare(t, s.Start, Bury(Sshd{}, ""), Bury(s, ""))
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("hello\n" + holderMarker + "\nconn ::1 2 1.2.3.4 22\nsshd 5 6\nagent /tmp/x\nlink ok\npong 1 own\n"))
	f.Add([]byte(holderMarker + "\nlink failed write No space left on device\nagent none\nburied no\n"))
	f.Fuzz(func(t *testing.T, output []byte) {
		r := NewReader(bytes.NewReader(output))
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
			case Agent:
				checkLine(t, Reclaim(true, event.Path), 3)
				checkLine(t, Bury(Sshd{}, event.Path), 4)
				if paths := string(Reclaim(true, event.Path, event.Path)); event.Path != "" && strings.Count(paths, "\t") > 1 {
					t.Errorf("two paths make %q", paths)
				}
			case Sshd:
				checkLine(t, Bury(event, ""), 4)
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
func checkLine(t *testing.T, o Order, words int) {
	t.Helper()
	line, ended := strings.CutSuffix(string(o), "\n")
	if !ended || text.ASCII(line) != line || len(strings.SplitN(line, " ", words)) != words {
		t.Errorf("the order is %q", o)
	}
}
