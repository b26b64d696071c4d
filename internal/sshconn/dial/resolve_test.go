//go:build linux

package dial

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestLiteralAddress asks nobody for what is an address.
func TestLiteralAddress(t *testing.T) {
	asked := labtest.StuckNames(t)
	for _, text := range []string{"192.0.2.1", "2001:db8::1", "fe80::1%eth0"} {
		addrs, err := resolve(t.Context(), text, &sshconn.Options{})
		if err != nil || len(addrs) != 1 || addrs[0].String() != text || asked.Load() != 0 {
			t.Errorf("%s: %v, %v, %d questions", text, addrs, err, asked.Load())
		}
	}
}

// TestGetent puts other programs in the place of getent.
func TestGetent(t *testing.T) {
	labtest.NoNames(t)
	for _, test := range []struct {
		name, host, script, want string
	}{
		{"a module's name", "devbox.local", `test "$*" = "ahosts devbox.local" && printf '192.0.2.1  STREAM devbox\n192.0.2.1 RAW\n'`, "192.0.2.1"},
		{"not found", "devbox.local", `exit 2`, ""},
		{"nothing", "devbox.local", ``, ""},
		{"failure after an address", "devbox.local", `echo 192.0.2.1; exit 1`, ""},
		{"endless", "devbox.local", `yes 192.0.2.1`, ""},
		{"an option", "-sfiles", `echo 192.0.2.1`, ""},
		{"an ill name", "dev/box", `echo 192.0.2.1`, ""},
	} {
		labtest.Getent(t, test.script)
		labtest.LeavesNothing(t, func() {
			addrs, err := resolve(t.Context(), test.host, &sshconn.Options{})
			if test.want != "" {
				if err != nil || len(addrs) != 1 || addrs[0].String() != test.want {
					t.Errorf("%s: %v, %v", test.name, addrs, err)
				}
				return
			}
			if failed := (*sshconn.ResolveError)(nil); !errors.As(err, &failed) || failed.Message == "" || len(addrs) != 0 {
				t.Errorf("%s: %v, %#v", test.name, addrs, err)
			}
		})
	}
}

// TestGetentHangs ends a getent that waits for an answer, and its child.
func TestGetentHangs(t *testing.T) {
	labtest.NoNames(t)
	mark := filepath.Join(t.TempDir(), "began")
	labtest.Getent(t, "echo >"+mark+"; exec sleep 1000")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began := make(chan error, 1)
	labtest.LeavesNothing(t, func() {
		go func() {
			began <- lab.Eventually(ctx, "getent runs", func() (bool, error) {
				_, err := os.Stat(mark)
				return err == nil, nil
			})
			cancel()
		}()
		if addrs, err := resolve(ctx, "devbox.local", &sshconn.Options{}); err == nil {
			t.Errorf("found %v", addrs)
		}
		if err := <-began; err != nil {
			t.Error(err)
		}
	})
}

// TestNoGetent is a system without it.
func TestNoGetent(t *testing.T) {
	labtest.NoNames(t)
	t.Setenv("PATH", t.TempDir())
	_, err := resolve(t.Context(), "devbox.local", &sshconn.Options{})
	if failed := (*sshconn.ResolveError)(nil); !errors.As(err, &failed) || failed.Message != "no such host" {
		t.Errorf("%#v", err)
	}
}

// TestNoNameServer has a system that knows the name from elsewhere than DNS,
// whose servers do not answer.
func TestNoNameServer(t *testing.T) {
	late := make(chan struct{})
	labtest.Getent(t, "echo 192.0.2.1")
	for name, dial := range map[string]func(context.Context) (net.Conn, error){
		"gives up": func(context.Context) (net.Conn, error) { return nil, os.ErrDeadlineExceeded },
		"waits": func(ctx context.Context) (net.Conn, error) {
			select {
			case <-ctx.Done():
			case <-late:
			}
			return nil, os.ErrDeadlineExceeded
		},
	} {
		labtest.NameServer(t, dial)
		labtest.LeavesNothing(t, func() {
			for _, host := range []string{"devbox.local", "devbox"} {
				addrs, err := resolve(t.Context(), host, &sshconn.Options{})
				if err != nil || len(addrs) != 1 || addrs[0].String() != "192.0.2.1" {
					t.Errorf("%s, %s: %v, %v", name, host, addrs, err)
				}
			}
		})
	}
	close(late)
}

// TestNobodyKnows has all resolvers fail, the system's first.
func TestNobodyKnows(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "asked")
	labtest.Getent(t, "echo >"+mark+"; exit 2")
	labtest.NameServer(t, func(ctx context.Context) (net.Conn, error) {
		_ = lab.Eventually(ctx, "getent has run", func() (bool, error) {
			_, err := os.Stat(mark)
			return err == nil, nil
		})
		return nil, os.ErrDeadlineExceeded
	})
	labtest.LeavesNothing(t, func() {
		addrs, err := resolve(t.Context(), "devbox.local", &sshconn.Options{})
		if failed := (*sshconn.ResolveError)(nil); !errors.As(err, &failed) || failed.Message == "no such host" {
			t.Errorf("%v, %#v", addrs, err)
		}
	})
}

func TestHeadStart(t *testing.T) {
	for host, atOnce := range map[string]bool{"pi.local": true, "PI.Local.": true, "local": false, "pilocal": false, "pi.example": false} {
		if got := headStartOf(host); (got == 0) != atOnce {
			t.Errorf("%s: %v", host, got)
		}
	}
}
