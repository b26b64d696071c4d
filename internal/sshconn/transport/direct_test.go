//go:build linux

package transport

import (
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/native"
)

// onLine calls then at the first log line that has the text.
type onLine struct {
	text string
	once sync.Once
	then func()
}

func (o *onLine) Write(line []byte) (int, error) {
	if strings.Contains(string(line), o.text) {
		o.once.Do(o.then)
	}
	return len(line), nil
}

// TestConnectionAttempts has the server begin when the first attempt has failed.
func TestConnectionAttempts(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	if err := s.sshd.Stop(); err != nil {
		t.Fatal(err)
	}
	cfg := s.config("ConnectionAttempts 2")
	opts := options(cfg)
	opts.Log = zerolog.New(&onLine{text: "trying again", then: func() {
		if err := s.sshd.Restart(); err != nil {
			t.Error(err)
		}
	}})
	conn, err := native.Dial(t.Context(), cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	works(t, conn)
	conn.Close()
	if err := s.sshd.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.dial(cfg); !isRefused(err) {
		t.Errorf("where nobody listens: %v", err)
	}
	opts.Log = zerolog.New(&onLine{text: "trying again", then: func() { t.Error("an attempt that is to fail early was repeated") }})
	opts.Limits.Connect = limitForTest
	if _, err := native.Dial(t.Context(), cfg, opts); !isRefused(err) {
		t.Errorf("with a limit: %v", err)
	}
	cfg.ConnectionAttempts = 1
	if _, err := s.dial(cfg); !isRefused(err) {
		t.Errorf("with one attempt: %v", err)
	}
}

const limitForTest = 10 * time.Second

func isRefused(err error) bool {
	failed := (*sshconn.ConnectError)(nil)
	return errors.As(err, &failed) && failed.Cause == sshconn.CauseRefused
}

// TestLocalEnd takes the connection from where the configuration says.
func TestLocalEnd(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	for _, test := range []struct{ line, from string }{
		{"BindAddress 127.0.0.2", "127.0.0.2"},
		{"BindAddress localhost", "127.0.0.1"},
		{"BindInterface lo", "127.0.0.1"},
		{"BindAddress 127.0.0.3\nBindInterface no-such-interface", "127.0.0.3"},
	} {
		conn, err := s.dial(s.config(test.line))
		if err != nil {
			t.Errorf("%s: %v", test.line, err)
			continue
		}
		if from, _, _ := net.SplitHostPort(conn.LocalAddr().String()); from != test.from {
			t.Errorf("%s: from %s", test.line, from)
		}
		works(t, conn)
	}
	for _, line := range []string{"BindAddress ::1", "BindAddress 192.0.2.1", "BindInterface no-such-interface"} {
		_, err := s.dial(s.config(line))
		if failed := (*sshconn.ConnectError)(nil); !errors.As(err, &failed) {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// TestRekeyLimit agrees on new keys when so many bytes have passed.
func TestRekeyLimit(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	for line, again := range map[string]bool{"RekeyLimit 64K": true, "RekeyLimit default": false} {
		var log syncBuffer
		cfg := s.config(line)
		opts := options(cfg)
		opts.Log = zerolog.New(&log)
		conn, err := native.Dial(t.Context(), cfg, opts)
		if err != nil {
			t.Fatal(err)
		}
		session, err := ssh.NewClient(conn, conn.NewChannels, conn.Requests).NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if out, err := session.Output("head -c 1000000 /dev/zero"); err != nil || len(out) != 1000000 {
			t.Errorf("%s: %d bytes, %v", line, len(out), err)
		}
		renewed := func() (bool, error) { return strings.Contains(log.String(), "host key shown again"), nil }
		if again { // the exchange may end after the output
			if err := lab.Eventually(t.Context(), "new keys", renewed); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		} else if got, _ := renewed(); got {
			t.Errorf("%s: new keys", line)
		}
		conn.Close()
	}
}
