package transport

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/crypto/ssh"
)

// From draft-miller-ssh-agent and PROTOCOL.agent.
const (
	agentcExtension = 27
	sessionBind     = "session-bind@openssh.com"
)

// binding is what ties an agent to a connection: the server's signature over
// the session id, which only the holder of the host key can make.
type binding struct {
	hostKey   []byte
	sessionID []byte
	signature []byte
}

// newBinding checks what the sniffer saw against what the key exchange came to.
// It returns nil if they do not fit.
func newBinding(reply kexReply, hostKey ssh.PublicKey, sessionID []byte) *binding {
	if hostKey == nil || !bytes.Equal(reply.hostKey, hostKey.Marshal()) {
		return nil
	}
	signature := new(ssh.Signature)
	if ssh.Unmarshal(reply.signature, signature) != nil || hostKey.Verify(sessionID, signature) != nil {
		return nil
	}
	return &binding{hostKey: reply.hostKey, sessionID: sessionID, signature: reply.signature}
}

// body is the extension's contents: string hostkey, string session id, string
// signature, bool forwarding.
func (b *binding) body(forwarding bool) []byte {
	var out []byte
	for _, field := range [][]byte{b.hostKey, b.sessionID, b.signature} {
		out = appendString(out, field)
	}
	if forwarding {
		return append(out, 1)
	}
	return append(out, 0)
}

// extension is the extension's name and contents.
func (b *binding) extension(forwarding bool) []byte {
	return append(appendString(nil, []byte(sessionBind)), b.body(forwarding)...)
}

func appendString(out, s []byte) []byte {
	return append(binary.BigEndian.AppendUint32(out, uint32(len(s))), s...)
}
