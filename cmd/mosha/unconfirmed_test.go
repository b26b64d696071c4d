//go:build linux

package main_test

import (
	"crypto/ed25519"
	"net"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// TestSessionIsNeverConfirmed: a server that lives, and says nothing to whoever
// wants a session, holds keep up no longer than a slow one.
func TestSessionIsNeverConfirmed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, private, err := ed25519.GenerateKey(nil)
	w.must(err)
	key, err := ssh.NewSignerFromSigner(private)
	w.must(err)
	listener, err := w.lab.Devbox.Listen("0.0.0.0:2022")
	w.must(err)
	defer listener.Close()
	go confirmNothing(listener, key)
	w.must(w.me.KnowHost(knownhosts.Line([]string{"devbox:2022"}, key.PublicKey())))
	_, said, code := w.local("keep", "--ssh=ssh -p 2022", "devbox")
	if code != 0 || !strings.Contains(said, "mosha: warning: logging in takes long there") {
		t.Errorf("exit code %d: %s", code, said)
	}
	w.runs("stop", "--ssh=ssh -p 2022", "devbox")
	w.nothingLeft()
}

// confirmNothing lets everybody in and answers requests, and no wish for a
// channel.
func confirmNothing(listener net.Listener, key ssh.Signer) {
	config := &ssh.ServerConfig{NoClientAuth: true}
	config.AddHostKey(key)
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			_, channels, requests, err := ssh.NewServerConn(conn, config)
			if err != nil {
				return
			}
			go ssh.DiscardRequests(requests)
			for range channels {
				continue
			}
		}()
	}
}
