package guard

import (
	"net"
	"strings"
	"testing"
)

const provider = "\x00\x00\x00\x17sk-provider@openssh.com\x00\x00\x00\x06/x.so\x00"

var libraryCases = map[string]bool{
	"\x14\x00\x00\x00\x05/x.so\x00\x00\x00\x00": true,
	"\x14": true,
	"\x1a\x00\x00\x00\x05/x.so\x00\x00\x00\x00\x02": true,
	"\x15\x00\x00\x00\x05/x.so\x00\x00\x00\x00":     false, // removes
	"\x19key\xff" + provider:                        true,
	"\x11key\xff" + provider:                        true,
	"\x19key\x01\x00\x00\x00\x09\xff" + provider:    true,
	"\x19key\x02": false,
	"\x19key\xff\x00\x00\x00\x21restrict-destination-v00@openssh.com": false,
	"\x11key":                false,
	"\x0d" + provider:        false, // signs it
	"\x1b" + sessionBindName: false,
	"\x0b":                   false,
}

func TestLoadsLibrary(t *testing.T) {
	for request, want := range libraryCases {
		var f frame
		f.set([]byte(request)...)
		if f.loadsLibrary() != want {
			t.Errorf("%q: want %t", request, want)
		}
	}
}

// FuzzRequest: whatever a remote asks, an agent that may not be asked gets no
// library to load, and what it gets it gets whole.
func FuzzRequest(f *testing.F) {
	for request := range libraryCases {
		f.Add([]byte(request))
	}
	f.Add([]byte("\x16\x00\x00\x00\x01x"))
	f.Fuzz(func(t *testing.T, request []byte) {
		if len(request) == 0 || len(request) > MaxFrame {
			return
		}
		var got string
		s := serve(t, scripted(func(conn net.Conn) {
			var f frame
			for f.read(conn) == nil {
				if string(f.body()) != "bind" {
					got = string(f.body())
				}
				send(t, conn, agentFailure)
			}
		}), []byte("bind"))
		send(t, s.client, request...)
		expect(t, s.client, agentFailure)
		s.client.Close()
		<-s.done
		loads := request[0] == 20 || request[0] == 26 || (request[0] == 17 || request[0] == 25) && strings.Contains(string(request), "sk-provider@openssh.com")
		if loads && got != "" || got != "" && got != string(request) {
			t.Errorf("the agent got %q of %q", got, request)
		}
	})
}
