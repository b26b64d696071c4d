package bootstrap

import (
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestScriptsAreSmall: they travel at each launch, and both together are to fit
// into the ten segments that TCP sends at first (RFC 6928), each of 1,220 bytes
// where the way takes no more than IPv6's least, as in many a VPN.
func TestScriptsAreSmall(t *testing.T) {
	setup, holder := len(settingUp.script()), len(HolderScript(Claim, 5*time.Second, Forwarding{OpenSSH: true}))
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
		"set-up": filesScript + undoScript + checkScript + ordersScript, "holder": FindAgent + holderScript, "env": envFile,
		"rc": rcFile + rcAloneFile, "profile": profileFile,
	} {
		for line := range strings.Lines(stripped(script)) {
			if foreign.MatchString(line) {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
}

func TestStripped(t *testing.T) {
	compare(t, "script", "a # b\n\t$#\nx='\n'\n", stripped("# c\n\n  a # b\n  # d\n\t$#\nx='\n'\n"))
}
