//go:build linux

package main

import (
	"context"
	"crypto/ed25519"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh/agent"
)

// TestRecoverySeesThroughDeadSockets: refused, silent and empty are not
// recovered, and none of them keeps the next request from being made.
func TestRecoverySeesThroughDeadSockets(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	socket := filepath.Join(t.TempDir(), "agent")
	came := make(chan time.Duration, 1)
	go func() { came <- recovery(ctx, socket, time.Now()) }()

	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	accept := func() net.Conn {
		t.Helper()
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	silent := accept()
	defer silent.Close()
	keys := agent.NewKeyring()
	_ = agent.ServeAgent(keys, accept()) // until the client leaves
	select {
	case took := <-came:
		t.Fatalf("recovered after %v with an agent that is silent or has no keys", took)
	default:
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := keys.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(keys, conn) }()
		}
	}()
	if took := <-came; took == never {
		t.Error("not recovered, with an agent that has a key")
	}
}

func TestRecoveryEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if took := recovery(ctx, "/nowhere", time.Now()); took != never {
		t.Errorf("recovered after %v without an agent", took)
	}
}

func TestParseOutages(t *testing.T) {
	all, err := parseOutages(defaultOutages)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range all {
		names = append(names, o.name)
	}
	want := []string{
		"address change", "blackhole of 5 s", "blackhole of 60 s", "blackhole of 180 s",
		"interface down for 60 s", "20 s outage, then a new address", "server's sshd killed",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	for _, bad := range []string{"", "flood", "address=5s", "blackhole", "blackhole=", "blackhole=5", "sshd,,address"} {
		if _, err := parseOutages(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestSettlingIsSpread(t *testing.T) {
	s := settling{least: 5 * time.Second, spread: 12 * time.Second}
	for run, want := range []time.Duration{7 * time.Second, 11 * time.Second, 15 * time.Second} {
		if got := s.of(run, 3); got != want {
			t.Errorf("run %d: %v, want %v", run, got, want)
		}
	}
}

func TestSeconds(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1234 * time.Millisecond:             "1.23",
		sample{never, never}.median():       ">180",
		sample{time.Second, never}.median(): ">180",
	} {
		if got := seconds(d); got != want {
			t.Errorf("%d: %s, want %s", d, got, want)
		}
	}
}
