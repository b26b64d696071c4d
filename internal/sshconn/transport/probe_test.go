//go:build linux

package transport

import (
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// TestProbeInARekey: a server that takes all that is sent to it and never ends
// a key exchange holds nobody up who looks at the connection.
func TestProbeInARekey(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	var silent atomic.Bool
	addr := server(t, func(conn net.Conn) {
		to, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.sshd.Port)))
		if err != nil {
			t.Error(err)
			return
		}
		defer to.Close()
		go func() {
			defer conn.Close()
			for buf := make([]byte, 1<<10); ; {
				n, err := to.Read(buf)
				if err != nil {
					return
				}
				if !silent.Load() {
					_, _ = conn.Write(buf[:n])
				}
			}
		}()
		_, _ = io.Copy(to, conn)
	})
	cfg := s.config("RekeyLimit 1K", "HostKeyAlias "+s.knownName())
	cfg.Port = addr.(*net.TCPAddr).Port
	conn, err := s.dial(cfg)
	if err != nil {
		t.Fatal(err)
	}
	silent.Store(true)
	probed := make(chan struct{})
	go func() {
		defer close(probed)
		for sent := 0; sent < 500; {
			if confirmed, known := conn.Probe(); confirmed {
				sent++
			} else if !known {
				t.Error("nothing is known of the connection")
				return
			}
		}
	}()
	select {
	case <-probed:
	case <-time.After(time.Minute):
		t.Error("Probe blocks")
		conn.Close()
		<-probed
	}
}
