package auth

import (
	"context"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestDeafAgent has an agent that takes requests and never answers.
func TestDeafAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		start := time.Now()
		keys, err := agentKeys(ours, nil, agentTimeout, zerolog.Nop())
		if err == nil || len(keys) != 0 || time.Since(start) != agentTimeout {
			t.Errorf("%v, %v after %v", keys, err, time.Since(start))
		}
		theirs.Close()
	})
}

func TestAgentLimit(t *testing.T) {
	person := func(context.Context, sshconn.Prompt) ([][]byte, error) { return nil, sshconn.ErrNoAnswer }
	if limit := agentLimit(&sshconn.Options{Prompt: person}); limit != 0 {
		t.Errorf("%v with a person there", limit)
	}
	if limit := agentLimit(&sshconn.Options{}); limit != agentTimeout {
		t.Errorf("%v with nobody there", limit)
	}
}

// TestAgentUnlockedLate has an agent that asks a person before it lists its keys.
func TestAgentUnlockedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		defer theirs.Close()
		go func() {
			if _, err := io.ReadFull(theirs, make([]byte, 5)); err != nil { // a request of one byte
				return
			}
			time.Sleep(30 * agentTimeout)
			_, _ = theirs.Write([]byte{0, 0, 0, 5, 12, 0, 0, 0, 0}) // SSH_AGENT_IDENTITIES_ANSWER, none
		}()
		if keys, err := agentKeys(ours, nil, 0, zerolog.Nop()); err != nil || len(keys) != 0 {
			t.Errorf("%v, %v", keys, err)
		}
	})
}

func TestLoadPublic(t *testing.T) {
	if key := loadPublic(os.DevNull); key != nil {
		t.Errorf("%v", key)
	}
	if key := loadPublic(t.TempDir()); key != nil {
		t.Errorf("%v", key)
	}
}
