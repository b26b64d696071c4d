//go:build linux

package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/native"
)

// shortSilence is ample for the lab's server on a slow machine, and no multiple
// of a second.
const (
	shortSilence = 4900 * time.Millisecond
	shortSeconds = 5 // as errors tell it
)

// TestCutPhases cuts the cable in every phase: it is noticed by the silence,
// and nothing stays behind.
func TestCutPhases(t *testing.T) {
	d := newDistant(t)
	agent := d.agent(d.key)
	cuts := []struct{ name, at, phase string }{
		{"banner", sshconn.PhaseBanner, sshconn.PhaseBanner},
		{"kex", sshconn.PhaseKex, sshconn.PhaseKex},
		{"auth", sshconn.PhaseAuth, sshconn.PhaseAuth},
		{"signature", "", sshconn.PhaseAuth},
	}
	var dials []func()
	for _, cut := range cuts {
		laptop := d.laptop(cut.name)
		socket := d.signingAgent("agent-"+cut.name, agent, laptop.Cable.Cut)
		cfg := d.config("IdentityAgent " + socket)
		opts := options(cfg)
		opts.Limits.Silence = shortSilence
		opts.Progress = func(phase string) {
			if phase == cut.at {
				laptop.Cable.Cut()
			}
		}
		dials = append(dials, func() {
			conn, err := d.dialFrom(laptop, cfg, opts)
			if failed := (*sshconn.TimeoutError)(nil); !errors.As(err, &failed) || failed.Phase != cut.phase || failed.Seconds != shortSeconds {
				t.Errorf("%s: %v, %#v", cut.name, conn, err)
			}
		})
	}
	labtest.LeavesNothing(t, func() { sideBySide(dials...) })
}

func sideBySide(all ...func()) {
	var group sync.WaitGroup
	for _, f := range all {
		group.Go(f)
	}
	group.Wait()
}

// TestSlowOthers lets the agent, the person and a proxy take longer than the
// server may: that is no silence of the server's.
func TestSlowOthers(t *testing.T) {
	const longer = shortSilence + time.Second
	d := newDistant(t)
	wait := func() { time.Sleep(longer) }
	dial := func(name string, opts sshconn.Options, lines ...string) func() {
		cfg, laptop := d.config(lines...), d.laptop(name)
		opts.Limits.Silence, opts.AgentSocket = shortSilence, options(cfg).AgentSocket
		return func() {
			conn, err := d.dialFrom(laptop, cfg, opts)
			if err != nil {
				t.Errorf("slow %s: %v", name, err)
				return
			}
			conn.Close()
		}
	}
	person := sshconn.Options{Ask: func(context.Context, sshconn.HostKeyQuestion) (string, error) { wait(); return "yes", nil }}
	slow := d.signingAgent("slow", d.agent(d.key), wait)
	sideBySide(
		dial("agent", sshconn.Options{}, "IdentityAgent "+slow),
		dial("person", person, "UserKnownHostsFile "+d.path("nobody"), "StrictHostKeyChecking ask"),
	)
}

// TestSlowProxy has a proxy that needs longer to reach the server than the
// server may be silent, and then one behind which the server falls silent.
func TestSlowProxy(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	base := s.config("ConnectTimeout 30")
	dial := func(command string) (*native.Conn, error) {
		cfg := *base
		cfg.ProxyCommand = command
		opts := options(&cfg)
		opts.Limits = sshconn.Limits{Connect: time.Millisecond, Silence: shortSilence}
		return native.Dial(t.Context(), &cfg, opts)
	}
	reaches := func() {
		conn, err := dial(fmt.Sprintf("sh -c 'sleep %v; exec %s'", (shortSilence + time.Second).Seconds(), s.tunnel()))
		if err != nil {
			t.Error(err)
			return
		}
		conn.Close()
	}
	stalls := func() {
		conn, err := dial("sh -c 'echo SSH-2.0-slow; exec sleep 1000'")
		if failed := (*sshconn.TimeoutError)(nil); !errors.As(err, &failed) || failed.Phase != sshconn.PhaseKex || failed.Seconds != shortSeconds {
			t.Errorf("%v, %#v", conn, err)
		}
	}
	labtest.LeavesNothing(t, func() { sideBySide(reaches, stalls) })
}

// TestConnectLimit has a server that does not answer the SYN.
func TestConnectLimit(t *testing.T) {
	cfg := configTo(t, fullBacklog(t), "ConnectTimeout 120")
	opts := options(cfg)
	opts.Limits.Connect = 300 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), giveUp)
	defer cancel()
	labtest.LeavesNothing(t, func() {
		conn, err := native.Dial(ctx, cfg, opts)
		if failed := (*sshconn.TimeoutError)(nil); !errors.As(err, &failed) || failed.Phase != sshconn.PhaseConnect || failed.Seconds != 1 {
			t.Errorf("%v, %#v", conn, err)
		}
	})
}

// TestConnectTimeoutHolds has limits that are longer than what the user set.
func TestConnectTimeoutHolds(t *testing.T) {
	full, silent := fullBacklog(t), server(t, untilClosed)
	check := func(addr net.Addr, phase string) func() {
		cfg := configTo(t, addr, "ConnectTimeout 1")
		opts := options(cfg)
		opts.Limits = sshconn.Limits{Connect: giveUp, Silence: giveUp}
		return func() {
			err := cancelled(t.Context(), cfg, opts)
			if failed := (*sshconn.TimeoutError)(nil); !errors.As(err, &failed) || failed.Phase != phase || failed.Seconds != 1 {
				t.Errorf("%s: %#v", phase, err)
			}
		}
	}
	sideBySide(check(full, sshconn.PhaseConnect), check(silent, sshconn.PhaseBanner))
}

func TestProgress(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	all := []string{sshconn.PhaseConnect, sshconn.PhaseBanner, sshconn.PhaseKex, sshconn.PhaseAuth}
	for _, test := range []struct {
		line string
		want []string
	}{
		{"ConnectTimeout 20", all},
		{"ProxyCommand " + s.tunnel(), all},
		{"UserKnownHostsFile none", all[:3]},
		{"ProxyCommand sh -c 'echo SSH-2.0-x; head -c 200 >/dev/null'", all[:3]}, // until the key exchange has begun
		{"ProxyCommand true", all[:2]},
		{"BindAddress 192.0.2.1", all[:1]},
	} {
		cfg := s.config(test.line)
		var mu sync.Mutex
		var got []string
		opts := options(cfg)
		opts.Progress = func(phase string) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, phase)
		}
		conn, err := native.Dial(t.Context(), cfg, opts)
		if err == nil {
			conn.Close()
		}
		mu.Lock()
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q; %v", test.line, got, test.want, err)
		}
		mu.Unlock()
	}
}

// TestCloseUnsent closes a connection over which more was written than a dead
// network takes.
func TestCloseUnsent(t *testing.T) {
	d := newDistant(t)
	cfg, laptop := d.config(), d.laptop("away")
	labtest.LeavesNothing(t, func() {
		conn, err := d.dialFrom(laptop, cfg, options(cfg))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		stdin := start(t, conn, "cat >/dev/null")
		laptop.Cable.Cut()
		ended := make(chan error, 2)
		go func() {
			_, err := io.Copy(stdin, endless{})
			ended <- err
		}()
		go func() {
			_, _, err := conn.SendRequest("keepalive@openssh.com", true, nil)
			ended <- err
		}()
		if err := lab.Eventually(t.Context(), "the kernel takes no more", writeBlocked); err != nil {
			t.Fatal(err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		for range 2 {
			select {
			case err := <-ended:
				if err == nil {
					t.Error("no error after Close")
				}
			case <-time.After(giveUp):
				t.Fatal("blocked after Close")
			}
		}
		if err := conn.Wait(); err != nil {
			t.Error(err)
		}
	})
}

// start starts a command over the connection and returns its standard input.
func start(t *testing.T, conn *native.Conn, command string) io.Writer {
	t.Helper()
	session, err := ssh.NewClient(conn, conn.NewChannels, conn.Requests).NewSession()
	if err != nil {
		t.Fatal(err)
	}
	stdin, err := session.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Start(command); err != nil {
		t.Fatal(err)
	}
	return stdin
}

// endless is a file without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// writeBlocked reports whether a write to the network waits for the kernel.
func writeBlocked() (bool, error) {
	return slices.ContainsFunc(labtest.Goroutines(), func(stack string) bool {
		return strings.Contains(stack, "[IO wait") && strings.Contains(stack, "net.(*conn).Write")
	}), nil
}
