package hostkey

import (
	"testing"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestVerdict reads answers as ssh does: it looks at the first word only.
func TestVerdict(t *testing.T) {
	q := sshconn.HostKeyQuestion{Fingerprint: "MD5:01:ab"}
	for answer, want := range map[string][2]bool{
		"yes": {true, true}, " YES sure": {true, true}, "MD5:01:ab": {true, true}, "MD5:01:ab\t": {true, true},
		"": {false, true}, " ": {false, true}, "No": {false, true}, "no way": {false, true},
		"y": {}, "MD5:01:AB": {}, "01:ab": {}, "yesno": {}, "MD5:01:ab,": {},
	} {
		if yes, clear := readAnswer(&q, answer); [2]bool{yes, clear} != want {
			t.Errorf("%q: %t, %t", answer, yes, clear)
		}
	}
	if yes, clear := readAnswer(&sshconn.HostKeyQuestion{Kind: sshconn.AskUpdate}, "SHA256:x"); yes || clear {
		t.Errorf("a fingerprint where none is shown: %t, %t", yes, clear)
	}
}
