package openssh

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// hears returns what a person would see of an ssh that says this, and the key
// files that are not used.
func hears(level string, ends func(*stderr), texts ...string) (shown string, skipped []string) {
	cfg := &sshconfig.Config{LogLevel: level, IdentityFiles: []string{"/k", "/m"}, UserKnownHostsFiles: []string{"/known"}}
	w := &stderr{log: zerolog.Nop(), speech: newSpeech(cfg, func(n sshconn.Notice) {
		if n.Kind == sshconn.NoticeSkipped {
			skipped = append(skipped, n.File+": "+n.Reason)
			return
		}
		shown += n.Text
	})}
	w.writes(texts...)
	ends(w)
	return shown, skipped
}

const (
	beginsLogin = "debug1: SSH2_MSG_SERVICE_ACCEPT received\r\n"
	unsafeFile  = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\r\n" +
		"@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @\r\n" +
		"@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@\r\n" +
		"Permissions 0644 for '/k' are too open.\r\n" +
		"It is required that your private key files are NOT accessible by others.\r\n" +
		"This private key will be ignored.\r\nLoad key \"/k\": bad permissions\r\n"
	changedKey = "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\nOffending ED25519 key in /known:3\r\n"
)

func TestSpeech(t *testing.T) {
	connected := (*stderr).tellAll
	failed := func(w *stderr) { w.speech.send() }
	unknown := (*stderr).tellButLast
	for _, test := range []struct {
		name, level string
		ends        func(*stderr)
		says        []string
		shown       string
		skipped     []string
	}{
		{"its last word", "INFO", failed, []string{beginsLogin, "one\r\n", "me@h: Permission denied (publickey).\r\n"}, "one\n", nil},
		{"its last words", "INFO", failed, []string{beginsLogin, "Received disconnect from x port 1:2: Too many\r\nDisconnected from x port 1\r\n"}, "", nil},
		{"a reason of its own", "INFO", unknown, []string{"one\r\ntwo\r\n", "fatal\r\n"}, "one\ntwo\n", nil},
		{"a reason that is said elsewhere", "INFO", unknown, []string{beginsLogin, "one\r\n", "Connection closed by x\r\n"}, "one\n", nil},
		{"before the login", "INFO", failed, []string{changedKey, "Host key verification failed.\r\n"}, "", nil},
		{"let pass", "INFO", connected, []string{changedKey, beginsLogin, "later\r\n"}, "later\n", nil},
		{"known and drawn", "INFO", connected, []string{"Host key fingerprint is SHA256:x\n+--+\n+--+\r\n", beginsLogin}, "Host key fingerprint is SHA256:x\n+--+\n+--+\n", nil},
		{"written down", "INFO", connected, []string{"Warning: Permanently added 'h' (ED25519) to the list of known hosts.\r\n", beginsLogin}, "", nil},
		{"could not be written down", "INFO", connected, []string{"Failed to add the host to the list of known hosts (/f).\r\n", beginsLogin}, "Failed to add the host to the list of known hosts (/f).\n", nil},
		{"wrong password", "INFO", connected, []string{beginsLogin, "Permission denied, please try again.\r\n"}, "", nil},
		{"let in", "INFO", connected, []string{beginsLogin, "Authenticated to h (via proxy) using \"publickey\".\r\n"}, "", nil},
		{"let in, VERBOSE", "VERBOSE", connected, []string{beginsLogin, "Authenticated to h\r\n"}, "Authenticated to h\n", nil},
		{"debugging", "DEBUG3", connected, []string{beginsLogin, "debug1: x\r\n"}, "", nil},
		{"a server that looks like debugging", "INFO", connected, []string{beginsLogin, "debug1: pay here\n"}, "debug1: pay here\n", nil},
		{"an agent that fails", "INFO", connected, []string{beginsLogin, "sign_and_send_pubkey: signing failed for ED25519 \"/k\": no\r\n"}, "sign_and_send_pubkey: signing failed for ED25519 \"/k\": no\n", nil},
		{"an agent that fails, ERROR", "ERROR", connected, []string{beginsLogin, "sign_and_send_pubkey: signing failed for ED25519 \"/k\": no\r\nfor information\r\n"}, "sign_and_send_pubkey: signing failed for ED25519 \"/k\": no\n", nil},
		{"unsafe file", "INFO", connected, []string{beginsLogin, "banner\n", unsafeFile}, "banner\n", []string{"/k: " + sshconn.SkipPermissions}},
		{"unsafe file, ERROR", "ERROR", connected, []string{beginsLogin, "banner\n", unsafeFile}, "", []string{"/k: " + sshconn.SkipPermissions}},
		{"unsafe file, QUIET", "QUIET", connected, []string{beginsLogin, "banner\n", unsafeFile}, "", nil},
		{"no file of the configuration", "INFO", connected, []string{beginsLogin, "Load key \"/x\": bad permissions\r\n"}, "Load key \"/x\": bad permissions\n", nil},
		{"a banner of the same signs", "INFO", connected, []string{beginsLogin, strings.Repeat("@", 30) + "\n"}, strings.Repeat("@", 30) + "\n", nil},
	} {
		shown, skipped := hears(test.level, test.ends, test.says...)
		if shown != test.shown || !slices.Equal(skipped, test.skipped) {
			t.Errorf("%s: shown %q, skipped %q", test.name, shown, skipped)
		}
	}
}

// TestTellsUntilNow: what is in the pipe when ssh asks is told before, whether or
// not anybody has read it.
func TestTellsUntilNow(t *testing.T) {
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	defer to.Close()
	shown := ""
	w := &stderr{log: zerolog.Nop(), from: from, speech: newSpeech(&sshconfig.Config{}, func(n sshconn.Notice) { shown += n.Text })}
	for _, text := range []string{beginsLogin + "read this\r\n", "no end"} {
		if _, err := to.WriteString(text); err != nil {
			t.Fatal(err)
		}
		w.tellUntilNow()
	}
	if shown != "read this\nno end\n" {
		t.Errorf("shown %q", shown)
	}
}

// TestSpeechIsBounded: a server that has ssh write without end fills no screen.
func TestSpeechIsBounded(t *testing.T) {
	for _, end := range []string{"\n", "\r\n"} {
		for _, length := range []int{0, 3 * maxSSHLine} {
			shown, _ := hears("INFO", (*stderr).tellAll, beginsLogin, strings.Repeat(strings.Repeat("x", length)+end, 5*maxSSHLines))
			if lines := strings.Count(shown, "\n"); lines > maxSSHLines || len(shown) > sshconn.MaxShown+maxSSHLines {
				t.Errorf("%d lines, %d bytes", lines, len(shown))
			}
		}
	}
}
