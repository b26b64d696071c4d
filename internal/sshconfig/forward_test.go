package sshconfig

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestForwarding(t *testing.T) {
	config := `
DynamicForward 1080
LocalForward *:8081 /run/%h
RemoteForward 0 h:22
ExitOnForwardFailure yes
GatewayPorts yes
PermitRemoteOpen a:1 [::1]:*
StreamLocalBindUnlink yes
StreamLocalBindMask 0117
`
	want := Forwarding{
		Lines:         []ForwardLine{{"dynamicforward", "1080"}, {"dynamicforward", "[*]:8081"}, {"localforward", "[*]:8081 /run/dev"}, {"remoteforward", "0 [h]:22"}},
		ExitOnFailure: true, GatewayPorts: true, PermitOpen: []string{"a:1", "[::1]:*"}, Unlink: true, Mask: 0o117,
	}
	if diff := cmp.Diff(want, resolve(t, sshWith(t, config), "dev").Forwarding); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want.Lines = nil
	if diff := cmp.Diff(want, resolve(t, sshWith(t, config), "dev", "-oClearAllForwardings=yes").Forwarding); diff != "" {
		t.Errorf("with ClearAllForwardings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Forwarding{Mask: 0o177}, resolve(t, sshWith(t, ""), "dev").Forwarding); diff != "" {
		t.Errorf("of nothing (-want +got):\n%s", diff)
	}
}
