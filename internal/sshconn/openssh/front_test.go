package openssh

import (
	"testing"

	"github.com/rs/zerolog"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/attempt"
)

// TestBannerNamesNoAddress: mosh's datagrams go to the address that ssh dialed,
// and not to one that a server's banner, or that of a host on the way, has ssh
// say.
func TestBannerNamesNoAddress(t *testing.T) {
	const (
		dialed  = "debug1: Connecting to h [192.0.2.1] port 22.\r\n"
		version = "debug1: Remote protocol version 2.0, remote software version OpenSSH_9.2\r\n"
		banner  = "debug1: Connecting to h [192.0.2.66] port 22.\r\n"
	)
	for name, c := range map[string]struct {
		jump  string
		texts []string
		want  string
	}{
		"the second address":  {texts: []string{banner, dialed, version}, want: "192.0.2.1:22"},
		"a banner":            {texts: []string{dialed, version, banner}, want: "192.0.2.1:22"},
		"a banner on the way": {jump: "hop", texts: []string{banner, version}, want: "invalid AddrPort"},
	} {
		d := &dialer{
			Attempt: attempt.New(&sshconfig.Config{HostName: "h", Port: 22, Front: "nice", ProxyJump: c.jump}, sshconn.Options{Log: zerolog.Nop()}, true),
			itself:  true,
		}
		d.Use(&ownConn{})
		w := &stderr{log: zerolog.Nop(), heard: d.overhear}
		w.writes(c.texts...)
		if got := d.Done().Remote.String(); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
