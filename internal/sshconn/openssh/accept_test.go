package openssh

import (
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestAcceptsOn: an agent channel that could not be accepted, as when
// there is no descriptor left, is not the last.
func TestAcceptsOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	channels, requests := make(chan ssh.NewChannel), make(chan *ssh.Request)
	close(channels)
	close(requests)
	m := &master{agents: listener, channels: channels, requests: requests, forwards: newForwards("")}
	offers, served := make(chan sshconn.AgentOffer), make(chan struct{})
	if err := listener.SetDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(served)
		m.Serve(func(offer sshconn.AgentOffer) { offers <- offer }, nil)
	}()
	select {
	case <-served:
		t.Fatal("it accepts no more")
	case <-time.After(2 * acceptRest): // that it fails at least once
	}
	if err := listener.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	offer := <-offers
	channel, err := offer.Accept()
	if err != nil || offer.Waits() {
		t.Fatalf("%v; it waits: %t", err, offer.Waits())
	}
	go channel.Close()
	if _, err := io.ReadAll(client); err != nil {
		t.Error(err)
	}
	listener.Close()
	<-served
}
