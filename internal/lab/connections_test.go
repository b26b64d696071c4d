//go:build linux

package lab

import "testing"

func TestConnections(t *testing.T) {
	const log = `Server listening on :: port 22.
Connection from 10.77.0.1 port 40001 on 10.77.0.2 port 22 rdomain ""
Connection from fd00:77::1 port 40002 on fd00:77::2 port 22 rdomain ""
Connection closed by fd00:77::1 port 40002
Accepted publickey for a from 10.77.0.1 port 40001 ssh2: ED25519 SHA256:x
Connection closed by 10.77.0.1 port 40001
Transferred: sent 3560, received 17620 bytes
Connection from 10.77.0.1 port 40003 on 10.77.0.2 port 22 rdomain ""
Connection closed by invalid user b 10.77.0.1 port 40003 [preauth]
Connection from 10.77.0.1 port 40005 on 10.77.0.2 port 22 rdomain ""
Connection closed by 10.77.0.1 port 40005 [preauth]
Connection from 10.77.0.1 port 40004 on 10.77.0.2 port 22 rdomain ""
`
	if n := connections(log); n != 4 {
		t.Errorf("%d connections, want 4", n)
	}
}
