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

// TestTunnelOf: an option names its own tunnel, among those of the files and of
// other options, and none if it has none.
func TestTunnelOf(t *testing.T) {
	config := &sshconfig.Config{Dir: "/b", Forwarding: sshconfig.Forwarding{Lines: []sshconfig.ForwardLine{
		{Keyword: "localforward", Value: "8080 [h]:80"}, {Keyword: "localforward", Value: "9090 [h]:90"},
		{Keyword: "localforward", Value: "./box-me [h]:80"}, {Keyword: "remoteforward", Value: "8080 [h]:80"},
		{Keyword: "remoteforward", Value: "[*]:0 [socks]:0"}, {Keyword: "dynamicforward", Value: "8080"},
	}}}
	for _, c := range []struct {
		kind        tunnel.Kind
		value, want string
	}{
		{tunnel.Local, "9090:h:90", "-L 9090:h:90"}, {tunnel.Local, "8080:h:80", "-L 8080:h:80"}, {tunnel.Local, "./box-me:h:80", "-L /b/box-me:h:80"},
		{tunnel.Local, "./%h-${USER}:h:80", "-L /b/box-me:h:80"}, {tunnel.Local, "./%h:h:90", ""}, {tunnel.Local, "8080:h:90", ""},
		{tunnel.Remote, "8080:[h]:80", "-R 8080:h:80"}, {tunnel.Remote, ":0", "-R *:0"}, {tunnel.Dynamic, "8080", "-D 8080"}, {tunnel.Dynamic, "9090", ""},
		{tunnel.Local, "x", ""},
	} {
		r, ok := TunnelOf(config, c.kind, c.value)
		if ok != (c.want != "") || ok && r.Flag() != c.want {
			t.Errorf("%s %s: %s, %v", c.kind, c.value, r.Flag(), ok)
		}
	}
}
