package keeper

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestStatusOfTalkative: the status has a part of what a remote says that says very
// much, whether it failed the connection or ended it.
func TestStatusOfTalkative(t *testing.T) {
	long := strings.Repeat("€\u200b\"<", 100<<10)
	for name, happens := range map[string]func(*Keeper){
		"before it was up": func(k *Keeper) { k.tries.failed = &sshconn.DisconnectError{Reason: 2, Message: long} },
		"since":            func(k *Keeper) { k.known.alarm = errors.New(long) },
	} {
		t.Run(name, func(t *testing.T) {
			l := listenForTest(t)
			l.k.update(func() { happens(l.k) })
			status, err := control.StatusOf(t.Context(), l.dirs, l.id)
			if err != nil || len(status.Problems) != 1 {
				t.Fatalf("%+v, %v", status, err)
			}
			problem := status.Problems[0]
			if n := len(problem); n > maxProblem || n < maxProblem-utf8.UTFMax || strings.ContainsRune(problem, utf8.RuneError) {
				t.Errorf("%d bytes of the problem: ...%q", n, problem[len(problem)-8:])
			}
		})
	}
}

// TestSeconds: a duration in JSON has no more digits than milliseconds have.
func TestSeconds(t *testing.T) {
	for ms := range 20000 {
		d := time.Duration(ms)*time.Millisecond + 123*time.Microsecond
		text, err := json.Marshal(seconds(d))
		if _, after, _ := strings.Cut(string(text), "."); err != nil || len(after) > 3 {
			t.Fatalf("%v is %s, %v", d, text, err)
		}
	}
}
