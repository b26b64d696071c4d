package guard

import "bytes"

// Message types of draft-miller-ssh-agent that the guard knows. All others
// pass.
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
	// sessionBindName is the name of the extension, as a string of the
	// protocol.
	sessionBindName = "\x00\x00\x00\x18session-bind@openssh.com"

	// providerName is the name of the constraint that names a library for a
	// FIDO key (PROTOCOL.agent, section 3).
	providerName = "sk-provider@openssh.com"
)

// loadsLibrary reports whether the request would have an agent load a library
// from this machine: one for PKCS#11, or one for FIDO keys, which a constraint
// names. ssh-agent reads constraints even behind a key of the message type
// without constraints. Where they begin depends on the kind of key, so
// loadsLibrary looks for the name anywhere in the message.
func (f *frame) loadsLibrary() bool {
	switch f.messageType() {
	case agentcAddSmartcard, agentcAddSmartcardID:
		return true
	case agentcAddIdentity, agentcAddIDConstrained:
		return bytes.Contains(f.body(), []byte(providerName))
	}
	return false
}

// isSessionBind reports whether the message is a session-bind (PROTOCOL.agent,
// section 1).
func (f *frame) isSessionBind() bool {
	return f.messageType() == agentcExtension && bytes.HasPrefix(f.body()[1:], []byte(sessionBindName))
}

// needsBind reports whether the request is refused where the agent is not
// bound. Such a request would bind the agent to a host of the remote's choice.
// Or it would lock or unlock the agent, which in between tells what it would
// not tell a remote.
func (f *frame) needsBind() bool {
	switch f.messageType() {
	case agentcLock, agentcUnlock:
		return true
	}
	return f.isSessionBind()
}

// tellsNothing reports whether a locked agent might give this answer, or it
// shows no more than that something was done.
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
