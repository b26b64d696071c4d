package tunnel

import (
	"net"
	"strconv"
	"testing"

	"github.com/rs/zerolog"
)

// TestOtherRules: a tunnel that is added again has the rules of the last time.
func TestOtherRules(t *testing.T) {
	s := NewSet(zerolog.Nop())
	defer s.Close()
	s.Use(&grantor{done: make(chan struct{})})
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	_ = free.Close()
	add := func(spec Spec, rules Rules) {
		t.Helper()
		if errs := s.Add(t.Context(), Request{Spec: spec, Rules: rules}); errs[0] != nil {
			t.Fatal(errs[0])
		}
	}
	here := Spec{Kind: Dynamic, Listen: Endpoint{Port: port}}
	add(here, Rules{GatewayPorts: true, Family: "inet"})
	add(here, Rules{Family: "inet"})
	if conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.2", strconv.Itoa(port))); err == nil {
		_ = conn.Close()
		t.Error("it listens at all addresses")
	}
	if conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err != nil {
		t.Error(err)
	} else {
		_ = conn.Close()
	}
	there := Spec{Kind: Remote, Listen: Endpoint{Port: 1}}
	add(there, Rules{})
	add(there, Rules{PermitOpen: []string{"none"}})
	if s.tunnels[1].Rules.permits(Endpoint{Host: "h", Port: 1}) {
		t.Error("PermitRemoteOpen is ignored")
	}
	if len(s.Requests()) != 2 {
		t.Error(s.Requests())
	}
}
