//go:build linux

package transport

import (
	"encoding/binary"
	"io"
	"net"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/sshconn/native"
)

// TestSessionBind has a real agent verify the binding, for every key exchange
// and type of host key that there is.
func TestSessionBind(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.SshdConfig{HostKeys: []string{"ed25519", "rsa", "ecdsa"}, Extra: []string{"KexAlgorithms +diffie-hellman-group14-sha1," +
		"diffie-hellman-group14-sha256,diffie-hellman-group16-sha512,diffie-hellman-group-exchange-sha256"}}) // not by default from 10.0 on
	agent := s.agent()
	for _, line := range []string{
		"KexAlgorithms curve25519-sha256", "KexAlgorithms curve25519-sha256@libssh.org", "KexAlgorithms ecdh-sha2-nistp384",
		"KexAlgorithms diffie-hellman-group14-sha256", "KexAlgorithms diffie-hellman-group16-sha512",
		"KexAlgorithms diffie-hellman-group-exchange-sha256", "KexAlgorithms diffie-hellman-group14-sha1",
		"HostKeyAlgorithms ssh-ed25519", "HostKeyAlgorithms rsa-sha2-512", "HostKeyAlgorithms rsa-sha2-256", "HostKeyAlgorithms ecdsa-sha2-nistp256",
	} {
		conn, err := s.dial(s.config(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		for _, forwarding := range []bool{false, true} {
			message, err := conn.SessionBind(forwarding)
			if err != nil {
				t.Errorf("%s: %v", line, err)
			} else if reply := askAgent(t, agent, message); reply != 6 {
				t.Errorf("%s, forwarding %v: the agent answers %d", line, forwarding, reply)
			}
			message[len(message)-8] ^= 1 // in the signature
			if reply := askAgent(t, agent, message); reply == 6 {
				t.Errorf("%s: the agent takes a bad signature", line)
			}
		}
		conn.Close()
	}
}

// askAgent sends one message on a connection of its own and returns the type of
// the reply.
func askAgent(t *testing.T, sock string, message []byte) byte {
	t.Helper()
	conn, err := net.Dial("unix", sock)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(ssh.Marshal(struct{ Message []byte }{message})); err != nil {
		t.Fatal(err)
	}
	var head [4]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		t.Fatal(err)
	}
	reply := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(conn, reply); err != nil {
		t.Fatal(err)
	}
	return reply[0]
}

func TestNoSessionBind(t *testing.T) {
	conn := &native.Conn{}
	if message, err := conn.SessionBind(true); err == nil || message != nil {
		t.Errorf("%q, %v", message, err)
	}
}
