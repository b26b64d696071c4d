//go:build linux

package transport

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/native"
)

// giveUp ends a Dial that notices nothing. No test is decided by how soon
// before that it ends.
const giveUp = 5 * time.Minute

// distant is a real sshd at the other end of the lab's cable. Its laptops are
// machines with a cable each.
type distant struct {
	*site
	lab  *lab.Lab
	user *lab.User
}

func newDistant(t *testing.T) *distant {
	t.Helper()
	l := labtest.New(t)
	user, err := l.Devbox.AddUser("sh")
	if err != nil {
		t.Fatal(err)
	}
	d := &distant{site: &site{t: t, dir: t.TempDir()}, lab: l, user: user}
	if d.sshd, err = l.Devbox.Sshd(lab.SshdConfig{}); err != nil {
		t.Fatal(err)
	}
	d.key = d.newKey("id", "ed25519")
	if err := user.Authorize(strings.TrimSpace(d.read("id.pub"))); err != nil {
		t.Fatal(err)
	}
	lines, err := d.sshd.HostKeyLines(l.Devbox.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	d.write("known_hosts", strings.Join(lines, "\n")+"\n")
	return d
}

// config gives everything but silence more time than there is.
func (d *distant) config(lines ...string) *sshconfig.Config {
	d.t.Helper()
	return d.site.config(append(lines, "HostName "+d.lab.Devbox.Addr().String(), "User "+d.user.Name,
		fmt.Sprintf("ConnectTimeout %d", int(2*giveUp/time.Second)))...)
}

// laptop adds a machine that is so far away that the server's answer to what is
// sent is never there already.
func (d *distant) laptop(name string) *lab.Machine {
	d.t.Helper()
	m, err := d.lab.AddMachine(name)
	if err != nil {
		d.t.Fatal(err)
	}
	m.Cable.SetRTT(50 * time.Millisecond)
	return m
}

// dialFrom dials on a machine, for as long as giveUp.
func (d *distant) dialFrom(m *lab.Machine, cfg *sshconfig.Config, opts sshconn.Options) (*native.Conn, error) {
	ctx, cancel := context.WithTimeout(d.t.Context(), giveUp)
	defer cancel()
	opts.Dial = m.Dial
	return native.Dial(ctx, cfg, opts)
}

// signingAgent stands before a real agent, and calls signing before each request
// to sign is passed on.
func (s *site) signingAgent(name, agent string, signing func()) (socket string) {
	const signRequest = 13 // SSH_AGENTC_SIGN_REQUEST
	return s.agentThatWaits(name, agent, signRequest, signing)
}

// agentThatWaits stands before a real agent, and calls wait before each request
// of that kind is passed on.
func (s *site) agentThatWaits(name, agent string, kind byte, wait func()) (socket string) {
	s.t.Helper()
	l, err := net.Listen("unix", s.path(name))
	if err != nil {
		s.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			relayAgent(client, agent, kind, wait)
		}
	}()
	s.t.Cleanup(func() { l.Close(); <-done })
	return s.path(name)
}

// relayAgent serves one client until it goes.
func relayAgent(client net.Conn, agent string, kind byte, wait func()) {
	defer client.Close()
	server, err := net.Dial("unix", agent)
	if err != nil {
		return
	}
	defer server.Close()
	for {
		request, err := readFrame(client)
		if err != nil {
			return
		}
		if request[4] == kind {
			wait()
		}
		if _, err := server.Write(request); err != nil {
			return
		}
		reply, err := readFrame(server)
		if err != nil {
			return
		}
		if _, err := client.Write(reply); err != nil {
			return
		}
	}
}

// readFrame reads a message of the agent's protocol, with its length.
func readFrame(r io.Reader) ([]byte, error) {
	frame := make([]byte, 4, 64)
	if _, err := io.ReadFull(r, frame); err != nil {
		return nil, err
	}
	body := make([]byte, binary.BigEndian.Uint32(frame))
	_, err := io.ReadFull(r, body)
	return append(frame, body...), err
}
