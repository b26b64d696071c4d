package keeper

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/keeper/pulse"
	"github.com/mosha-ssh/mosha/internal/link"
)

// saidChannel is a channel whose other end has said all that it will.
type saidChannel struct {
	ssh.Channel
	said io.Reader
}

func (c saidChannel) Read(p []byte) (int, error)  { return c.said.Read(p) }
func (c saidChannel) Write(p []byte) (int, error) { return len(p), nil }

// TestHolderSaysTooMuch: answers without an order do not push out of the log
// what else is there, and those to orders are in it.
func TestHolderSaysTooMuch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.log")
	l, err := openLog(path, "devbox")
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	l.Info().Msg("what matters")
	c := &connection{k: spareKeeper(t), log: l.Logger, pulse: pulse.New(0, 0)}
	said := "mosha-holder 1\nlink ok\nburied yes\n" + strings.Repeat("link ok\npong 1 own\nlink failed write x\nburied no\n", 20000)
	s := &session{channel: saidChannel{said: strings.NewReader(said)}}
	h := &holder{session: s, events: link.NewReader(s), ended: make(chan struct{}), remains: remains{agent: "/agent"}, buried: make([]remains, 1)}
	for range 1000 { // of a long time
		h.order(link.Ping(2))
	}
	h.order(link.Claim + link.Bury(link.Sshd{PID: 7, Start: "1"}, ""))
	h.listen(c)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"what matters", `"message":"link"`, `"done":true`, "holder ended"} {
		if strings.Count(string(text), want) != 1 {
			t.Errorf("%q is there %d times, want once", want, strings.Count(string(text), want))
		}
	}
	if _, err := os.Stat(path + ".old"); err == nil {
		t.Error("the log was set aside")
	}
}
