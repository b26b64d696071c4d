package bootstrap

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// TestScriptsAreSmall: they travel at each launch, and both together are to fit
// into the ten segments that TCP sends at first (RFC 6928), each of 1,220 bytes
// where the way takes no more than IPv6's least, as in many a VPN.
func TestScriptsAreSmall(t *testing.T) {
	setup, holder := len(settingUp.script()), len(link.Script(link.Claim, 5*time.Second, remotesh.Forwarding{OpenSSH: true}))
	if setup > 5<<10 || setup+holder > 12_000 {
		t.Errorf("set-up has %d bytes and the holder %d", setup, holder)
	}
	if undo := len(undoing.script()); undo <= setup {
		t.Errorf("undo has %d bytes, and set-up %d with it", undo, setup)
	}
}

// TestScriptsArePlain: what other systems do not have must not be used.
func TestScriptsArePlain(t *testing.T) {
	foreign := regexp.MustCompile(`readlink -|mv -[a-zA-Z]*T|\btimeout\b|sed -i|\blocal\b|\[\[|\bseq\b|stat -c|date -|mktemp|echo -|printf %q|<\(`)
	for name, script := range map[string]string{
		"set-up": filesScript + undoScript + checkScript + ordersScript, "holder": string(link.Script("", time.Second, remotesh.Forwarding{})), "env": envFile,
		"rc": rcFile + rcAloneFile, "profile": profileFile,
	} {
		for line := range strings.Lines(remotesh.Strip(script)) {
			if foreign.MatchString(line) {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
}
