package attempt

import (
	"bytes"
	"slices"

	"golang.org/x/crypto/ssh"
)

// From draft-miller-ssh-agent and PROTOCOL.agent.
const (
	agentcExtension = 27
	sessionBind     = "session-bind@openssh.com"
)

// Binding is what ties an agent to a connection: the server's signature over
// the session id, which only the holder of the host key can make.
type Binding struct {
	hostKey   []byte
	sessionID []byte
	signature []byte
}

// newBinding checks what the sniffer saw against what the key exchange came to.
// It returns nil if they do not fit.
func newBinding(reply kexReply, hostKey ssh.PublicKey, sessionID []byte) *Binding {
	if hostKey == nil || !bytes.Equal(reply.hostKey, hostKey.Marshal()) {
		return nil
	}
	signature := new(ssh.Signature)
	if ssh.Unmarshal(reply.signature, signature) != nil || hostKey.Verify(sessionID, signature) != nil {
		return nil
	}
	return &Binding{hostKey: reply.hostKey, sessionID: sessionID, signature: reply.signature}
}

// Contents are those of the extension: string hostkey, string session id, string
// signature, bool forwarding; nil if there is no binding.
func (b *Binding) Contents(forwarding bool) []byte {
	if b == nil {
		return nil
	}
	return ssh.Marshal(struct {
		HostKey, SessionID, Signature []byte
		Forwarding                    bool
	}{b.hostKey, b.sessionID, b.signature, forwarding})
}

// Message is the agent's message with the extension, without length field.
func (b *Binding) Message(forwarding bool) []byte {
	name := ssh.Marshal(struct{ Name string }{sessionBind})
	return slices.Concat([]byte{agentcExtension}, name, b.Contents(forwarding))
}
