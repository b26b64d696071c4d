package control

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/tunnel"
)

// TestTunnelsPaths: a relative path of this machine is meant in the directory of
// the launch, one of the server's is left to the server.
func TestTunnelsPaths(t *testing.T) {
	config := &sshconfig.Config{Dir: "/b", Forwarding: sshconfig.Forwarding{Lines: []sshconfig.ForwardLine{
		{Keyword: "dynamicforward", Value: "./socks"},
		{Keyword: "localforward", Value: "@dir/app ./there"},
		{Keyword: "remoteforward", Value: "9090 ./app.sock"},
		{Keyword: "remoteforward", Value: "./there [h]:1"},
	}}}
	want := []tunnel.Spec{
		{Kind: tunnel.Dynamic, Listen: tunnel.Endpoint{Path: "/b/socks"}},
		{Kind: tunnel.Local, Listen: tunnel.Endpoint{Path: "/b/@dir/app"}, Target: tunnel.Endpoint{Path: "./there"}},
		{Kind: tunnel.Remote, Listen: tunnel.Endpoint{Port: 9090}, Target: tunnel.Endpoint{Path: "/b/app.sock"}},
		{Kind: tunnel.Remote, Listen: tunnel.Endpoint{Path: "./there"}, Target: tunnel.Endpoint{Host: "h", Port: 1}},
	}
	var got []tunnel.Spec
	for _, r := range Tunnels(config) {
		got = append(got, r.Spec)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
