package transport

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestDeafAgent has an agent that takes requests and never answers.
func TestDeafAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer ours.Close()
		go untilClosed(theirs)
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

func TestNewBinding(t *testing.T) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	sessionID := []byte("exchange hash")
	signature, err := signer.Sign(rand.Reader, sessionID)
	if err != nil {
		t.Fatal(err)
	}
	good := kexReply{hostKey: signer.PublicKey().Marshal(), signature: ssh.Marshal(signature)}
	if newBinding(good, signer.PublicKey(), sessionID) == nil {
		t.Error("a good reply is refused")
	}
	for name, reply := range map[string]kexReply{
		"other key":       {hostKey: []byte("x"), signature: good.signature},
		"other signature": {hostKey: good.hostKey, signature: ssh.Marshal(&ssh.Signature{Format: signature.Format, Blob: make([]byte, 64)})},
		"no signature":    {hostKey: good.hostKey, signature: []byte("x")},
	} {
		if newBinding(reply, signer.PublicKey(), sessionID) != nil {
			t.Errorf("%s: bound", name)
		}
	}
	if newBinding(good, signer.PublicKey(), []byte("another")) != nil {
		t.Error("bound to another session")
	}
	if newBinding(good, nil, sessionID) != nil {
		t.Error("bound without a host key")
	}
}

func TestLoadPublic(t *testing.T) {
	if key := loadPublic(os.DevNull); key != nil {
		t.Errorf("%v", key)
	}
	if key := loadPublic(t.TempDir()); key != nil {
		t.Errorf("%v", key)
	}
}
