package guard

import "bytes"

// Message types of draft-miller-ssh-agent that are looked at; all others pass unseen.
const (
	agentFailure           = 5
	agentSuccess           = 6
	agentcRequestIDs       = 11
	agentIDsAnswer         = 12
	agentcSignRequest      = 13
	agentcAddIdentity      = 17
	agentcAddSmartcard     = 20
	agentcLock             = 22
	agentcUnlock           = 23
	agentcAddIDConstrained = 25
	agentcAddSmartcardID   = 26 // with constraints
	agentcExtension        = 27
	agentExtensionFailure  = 28
)

const (
	// sessionBindName is the name of the extension, as a string of the protocol.
	sessionBindName = "\x00\x00\x00\x18session-bind@openssh.com"

	// providerName is the name of the constraint that names a library for a FIDO key (PROTOCOL.agent, section 3).
	providerName = "sk-provider@openssh.com"
)

// loadsLibrary reports whether the request would have an agent load a library from this machine: one for PKCS#11, or one
// for FIDO keys, which a constraint names. ssh-agent reads constraints behind a key that is added without any, too. The name is
// looked for anywhere in the message, since where the constraints begin depends on the kind of key.
func (f *frame) loadsLibrary() bool {
	switch f.messageType() {
	case agentcAddSmartcard, agentcAddSmartcardID:
		return true
	case agentcAddIdentity, agentcAddIDConstrained:
		return bytes.Contains(f.body(), []byte(providerName))
	}
	return false
}

// isSessionBind reports whether the message is a session-bind (PROTOCOL.agent, section 1).
func (f *frame) isSessionBind() bool {
	return f.messageType() == agentcExtension && bytes.HasPrefix(f.body()[1:], []byte(sessionBindName))
}

// needsBind reports whether the request is refused where the agent is not bound: it would bind the agent to a host that the
// remote chose in place of the remote's own; or lock and unlock it, between which the agent tells what it would not tell a
// remote.
func (f *frame) needsBind() bool {
	switch f.messageType() {
	case agentcLock, agentcUnlock:
		return true
	}
	return f.isSessionBind()
}

// tellsNothing reports whether the answer is one that a locked agent gives, or shows no more than that something was done.
func (f *frame) tellsNothing() bool {
	switch f.messageType() {
	case agentFailure, agentExtensionFailure:
		return true
	case agentSuccess:
		return f.size() == 1
	case agentIDsAnswer:
		return bytes.Equal(f.body()[1:], make([]byte, lengthSize))
	}
	return false
}
