package link

import (
	"strings"
	"testing"
)

// TestHolderSaysTooMuch: answers without an order do not push out of the log
// what else is there, and those to orders are in it.
func TestHolderSaysTooMuch(t *testing.T) {
	var log strings.Builder
	h := holding("link ok\nburied yes\n"+strings.Repeat("link ok\npong 1 own\nlink failed write x\nburied no\n", 20000), noClaims(), &log)
	h.own.agent, h.buried = "/agent", make([]remains, 1)
	for range 1000 { // of a long time
		h.Ping(2)
	}
	h.order(claim + bury(process{PID: 7, Start: "1"}, ""))
	h.Listen()
	for _, want := range []string{`"message":"link"`, `"done":true`, "holder ended"} {
		if strings.Count(log.String(), want) != 1 {
			t.Errorf("%q is there %d times, want once", want, strings.Count(log.String(), want))
		}
	}
	if log.Len() > 1<<10 {
		t.Errorf("the log has %d bytes", log.Len())
	}
}
