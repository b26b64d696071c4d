package openssh

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/rs/zerolog"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// said is what an ssh with that standard error would have ended with.
func said(cfg *sshconfig.Config, auth bool, texts ...string) failure {
	w := &stderr{log: zerolog.Nop(), speech: newSpeech(cfg, func(n sshconn.Notice) {
		if len(n.Text) > sshconn.MaxText || !utf8.ValidString(n.Text) {
			panic(n.Text)
		}
	})}
	w.writes(texts...)
	w.speech.release()
	w.speech.send()
	f := failure{cfg: cfg, auth: auth}
	f.lines, f.final = w.said()
	return f
}

// writes is an ssh that writes that and ends.
func (w *stderr) writes(texts ...string) {
	for _, text := range texts {
		w.writeLocked([]byte(text))
	}
	if len(w.partial) > 0 {
		w.endLocked()
	}
}

// TestBannerDecidesNothing: a server can write what it likes before the login,
// but not ssh's last word.
func TestBannerDecidesNothing(t *testing.T) {
	cfg := &sshconfig.Config{HostName: "h", User: "me", Port: 22}
	banner := "Host key verification failed.\r\nUnable to negotiate with x: no matching cipher found. Their offer: a\r\n\x1b[2J"
	for last, want := range map[string]any{
		"me@h: Permission denied (publickey).\r\n":                             new(*sshconn.AuthError),
		"Received disconnect from UNKNOWN port 65535:2: Too many failures\r\n": new(*sshconn.AuthError),
	} {
		f := said(cfg, true, banner, "a\r\n", last)
		if err := f.explain(); !errors.As(err, want) {
			t.Errorf("%q: %#v", last, err)
		}
	}
	f := said(cfg, true, banner, "\r\n", "Connection closed by UNKNOWN port 65535\r\n")
	if err := f.explain(); err != nil {
		t.Errorf("closed: %#v", err)
	}
}

// TestManyWords: a server that has ssh write without end fills neither the log
// nor the memory, and the last word is still known.
func TestManyWords(t *testing.T) {
	log := &strings.Builder{}
	w := &stderr{log: zerolog.New(log)}
	line := strings.Repeat("x", 3*maxSSHLine) + "\n"
	for range 5 * maxSSHLines {
		w.writes(line)
	}
	w.writes("Host key verification failed.\r\n")
	lines, final := w.said()
	if len(lines) != maxSSHLines || len(lines[0]) != maxSSHLine || final != saysKeyFailed {
		t.Errorf("%d lines of %d bytes, and then %q", len(lines), len(lines[0]), final)
	}
	if n := strings.Count(log.String(), "\n"); n != maxSSHLines {
		t.Errorf("%d lines in the log", n)
	}
}

func FuzzSSHWords(f *testing.F) {
	f.Add([]byte("me@h: Permission denied (publickey,password).\r\n"), true)
	f.Add([]byte("debug1: Offering public key: /k ED25519 SHA256:x agent\ndebug1: Server accepts key: /k ED25519 SHA256:x agent\n"), true)
	f.Add([]byte("Offending ED25519 key in /f:99999999999999999999\nWARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!\nHost key verification failed."), false)
	f.Add([]byte("Unable to negotiate with 1 port 2: no matching MAC found. Their offer: a,b\n"), false)
	f.Add([]byte("Received disconnect from 1 port 2:99999999999999999999: \x1b[31m\n"), false)
	f.Add(bytes.Repeat([]byte("\xff"), maxSSHLine), false)
	f.Add(bytes.Repeat([]byte("\xc2\x9b31m\xf0\x9f"), maxSSHLine), true)
	f.Add([]byte("Load key \"/f\": bad permissions\nWarning: Permanently added 'h' (ED25519) to the list of known hosts.\r\n"), true)
	cfg := &sshconfig.Config{HostName: "h", User: "me", Port: 22, UserKnownHostsFiles: []string{"/k"}, PasswordAuthentication: true}
	f.Fuzz(func(t *testing.T, text []byte, auth bool) {
		failure := said(cfg, auth, string(text))
		for _, line := range append(failure.lines, failure.final) {
			if len(line) > maxSSHLine || !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }) {
				t.Errorf("kept %q", line)
			}
		}
		if err := failure.explain(); err != nil && strings.ContainsFunc(err.Error(), unicode.IsControl) && !strings.Contains(err.Error(), "\t") {
			t.Errorf("%q", err.Error())
		}
		acceptedKey(failure.lines)
	})
}
