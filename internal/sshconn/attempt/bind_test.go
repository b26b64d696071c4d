package attempt

import (
	"crypto/ed25519"
	"crypto/rand"
	"testing"

	"golang.org/x/crypto/ssh"
)

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
