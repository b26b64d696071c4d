package keeper

import (
	"errors"
	"net"
	"testing"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/tunnel"
)

// TestUnverifiedTunnels: over a connection with another host key than the known
// one nothing is forwarded, which is said at once, or is the launch's failure.
// That leaves alone the tunnel that was there before.
func TestUnverifiedTunnels(t *testing.T) {
	k := spareKeeper(t)
	defer k.tunnels.Close()
	old := tunnel.Spec{Kind: tunnel.Remote, Listen: tunnel.Endpoint{Port: 1}}
	k.tunnels.Begin(tunnel.Request{Spec: old})
	conn := k.connectsAs(t, sshconn.Facts{Unverified: true})
	k.update(func() { k.conn = conn })
	k.enter(control.Up)
	config := &sshconfig.Config{Forwarding: sshconfig.Forwarding{ExitOnFailure: true, Lines: []sshconfig.ForwardLine{
		{Keyword: "remoteforward", Value: "1 [socks]:0"}, {Keyword: "localforward", Value: t.TempDir() + "/s [h]:1"},
	}}}
	var down *control.TunnelError
	if _, err := (service{k}).forwardConfigured(t.Context(), config); !errors.As(err, &down) || down.Option != "-R 1" {
		t.Errorf("with ExitOnForwardFailure: %v", err)
	}
	if left := k.tunnels.Requests(); len(left) != 1 || left[0].Spec != old {
		t.Errorf("left are %v", left)
	}
	config.Forwarding.ExitOnFailure = false
	tunnels, err := service{k}.forwardConfigured(t.Context(), config)
	if err != nil || len(tunnels) != 2 {
		t.Fatalf("%v, %v", tunnels, err)
	}
	for _, one := range append(tunnels, k.status().Tunnels...) {
		if one.Problem != problemUnverified {
			t.Errorf("%+v", one)
		}
	}
}

// TestFailedTunnel: the launch that fails for a tunnel ends those that it has made
// itself.
func TestFailedTunnel(t *testing.T) {
	k := spareKeeper(t)
	defer k.tunnels.Close()
	taken, err := net.Listen("unix", t.TempDir()+"/taken")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	lines := func(name string) sshconfig.ForwardLine {
		return sshconfig.ForwardLine{Keyword: "dynamicforward", Value: t.TempDir() + name}
	}
	first, second := lines("/1"), lines("/2")
	config := &sshconfig.Config{Forwarding: sshconfig.Forwarding{ExitOnFailure: true, Lines: []sshconfig.ForwardLine{first}}}
	if _, err := (service{k}).forwardConfigured(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	config.Forwarding.Lines = append(config.Forwarding.Lines, second, sshconfig.ForwardLine{Keyword: "dynamicforward", Value: taken.Addr().String()})
	var down *control.TunnelError
	if _, err := (service{k}).forwardConfigured(t.Context(), config); !errors.As(err, &down) {
		t.Errorf("%v", err)
	}
	if left := k.tunnels.Requests(); len(left) != 1 || left[0].Listen.Path != first.Value {
		t.Errorf("left are %v", left)
	}
}
