//go:build linux

package keeper

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/tunnel"
)

// TestLauncherIsGone: a keeper that nobody hears say that it listens leaves no
// socket behind.
func TestLauncherIsGone(t *testing.T) {
	k := spareKeeper(t)
	gone := errors.New("nobody reads")
	if err := k.live(t.Context(), func(error) error { return gone }); !errors.Is(err, gone) {
		t.Errorf("it ended with %v", err)
	}
	if _, err := os.Stat(k.dir.Socket()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket: %v", err)
	}
}

// TestTunnelsSaved: a keeper that came back has its tunnels written down at once,
// for one that comes back after it, and later whether the server has listened.
func TestTunnelsSaved(t *testing.T) {
	k := spareKeeper(t)
	for range maxResumes { // no guardian is to start
		k.spec.Resumed = append(k.spec.Resumed, time.Now())
	}
	remote := tunnel.Request{Spec: tunnel.Spec{Kind: tunnel.Remote, Listen: tunnel.Endpoint{Port: 1}}}
	k.spec.Tunnels = []tunnel.Request{remote}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- k.live(ctx, func(error) error { return nil }) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	written := func(what string, had bool) {
		t.Helper()
		err := lab.Eventually(t.Context(), what, func() (bool, error) {
			spec, err := loadSpec(k.dir.Spec())
			if errors.Is(err, os.ErrNotExist) {
				return false, nil
			}
			if err == nil && len(spec.Tunnels) != 1 {
				t.Fatalf("saved are %v", spec.Tunnels)
			}
			return err == nil && spec.Tunnels[0].Had == had, err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	written("the tunnel is saved", false)
	k.tunnels.Use(granting{})
	written("it is saved that the server has listened", true)
}

// granting is a server that listens wherever it is asked to.
type granting struct{}

func (granting) OpenChannel(string, []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	return nil, nil, io.EOF
}
func (granting) SendRequest(string, bool, []byte) (bool, []byte, error) { return true, nil, nil }
func (granting) Done() <-chan struct{}                                  { return nil }
