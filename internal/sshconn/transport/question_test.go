//go:build linux

package transport

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestReadBeforeTheQuestion: what the server wants to be read is read before the
// question that it is about, whatever carries the connection.
func TestReadBeforeTheQuestion(t *testing.T) {
	to := authServer(t, func(c *ssh.ServerConfig) {
		c.BannerCallback = func(ssh.ConnMetadata) string { return "Hello\n\n  no end" }
		c.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, client ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			if _, err := client("The Name", "Take your phone\nand look", []string{"Code: "}, []bool{true}); err != nil {
				return nil, err
			}
			if _, err := client("", "Look again", nil, nil); err != nil {
				return nil, err
			}
			_, err := client("", "", []string{"Pin: "}, []bool{false})
			return nil, err
		}
	})
	for level, want := range map[string]string{
		"INFO":  "Hello|  no end|The Name|Take your phone|and look|? Code: |Look again|? Pin: ",
		"ERROR": "? Code: |? Pin: ",
	} {
		cfg := to("User me", "PreferredAuthentications keyboard-interactive", "LogLevel "+level)
		opts := over(t, cfg, sshconn.TransportOpenSSH)
		var mu sync.Mutex
		var seen []string
		see := func(text string) {
			mu.Lock()
			defer mu.Unlock()
			for line := range strings.Lines(text) {
				if line = strings.TrimSuffix(line, "\n"); line != "" {
					seen = append(seen, line)
				}
			}
		}
		opts.Tell = func(n sshconn.Notice) { see(n.Text) }
		opts.Prompt = func(_ context.Context, p sshconn.Prompt) ([][]byte, error) {
			_, question, _ := strings.Cut(p.Fields[0].Text, ") ")
			see("? " + question)
			return [][]byte{[]byte("x")}, nil
		}
		conn, err := Open(t.Context(), cfg, opts)
		if conn != nil { // a server that opens no session is as good
			conn.Close()
		}
		if got := strings.Join(seen, "|"); got != want {
			t.Errorf("LogLevel %s: a person sees %s\nnot %s\n%v", level, got, want, err)
		}
	}
}

// TestSaysNothingToNobody: where nobody is attached, Open tells nothing.
func TestSaysNothingToNobody(t *testing.T) {
	s := newSite(t, lab.SshdConfig{Extra: []string{"Banner /etc/hostname"}})
	cfg := s.config()
	opts := over(t, cfg, sshconn.TransportOpenSSH)
	opts.Tell = nil
	conn, err := Open(t.Context(), cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if _, err := Open(t.Context(), s.config("PubkeyAuthentication no"), opts); !errors.As(err, new(*sshconn.AuthError)) {
		t.Errorf("%v", err)
	}
}
