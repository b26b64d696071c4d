package native

import (
	"crypto/ed25519"
	"crypto/rand"
	"net"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/attempt"
)

// serverFor returns the two ends of a connection without authentication.
func serverFor(t *testing.T) (*Conn, *ssh.ServerConn) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{NoClientAuth: true}
	config.AddHostKey(signer)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ours, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan *ssh.ServerConn, 1)
	go func() {
		conn, channels, requests, err := ssh.NewServerConn(theirs, config)
		if err != nil {
			t.Error(err)
		}
		go ssh.DiscardRequests(requests)
		go func() {
			for range channels {
			}
		}()
		served <- conn
	}()
	conn, channels, requests, err := ssh.NewClientConn(ours, "", &ssh.ClientConfig{HostKeyCallback: ssh.FixedHostKey(signer.PublicKey())})
	if err != nil {
		t.Fatal(err)
	}
	return &Conn{Conn: conn, NewChannels: channels, Requests: requests, binding: &attempt.Binding{}}, <-served
}

// TestAgentChannelTakesNoMore: what a server sends beside the stream of an agent
// channel, where nobody expects anything, is not kept.
func TestAgentChannelTakesNoMore(t *testing.T) {
	conn, server := serverFor(t)
	defer conn.Conn.Close()
	defer server.Close()
	accepted := make(chan *sshconn.AgentChannel, 1)
	go func() {
		for offered := range conn.NewChannels {
			offer := &offer{conn: conn, channel: offered}
			channel, err := offer.Accept()
			if err != nil || !offer.Waits() {
				t.Errorf("%v; it waits: %t", err, offer.Waits())
			}
			accepted <- channel
		}
	}()
	channel, requests, err := server.OpenChannel("auth-agent@openssh.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(requests)
	wrote := make(chan error, 1)
	go func() {
		_, err := channel.Stderr().Write(make([]byte, 8<<20)) // four windows
		wrote <- err
	}()
	select {
	case err := <-wrote:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("the server has to wait, since what it sent is kept")
	}
	channel.Close()
	(<-accepted).Forget(t.Context())
}
