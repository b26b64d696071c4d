package guard

import (
	"bytes"
	"errors"
	"io"
)

// Message types of draft-miller-ssh-agent that are looked at; all others pass unseen.
const (
	agentFailure          = 5
	agentSuccess          = 6
	agentcSignRequest     = 13
	agentcExtension       = 27
	agentExtensionFailure = 28

	agentcAddSmartcardKey            = 20
	agentcAddIDConstrained           = 25
	agentcAddSmartcardKeyConstrained = 26
)

// sessionBind is the name of the extension, as a string of the protocol.
const sessionBindName = "\x00\x00\x00\x18session-bind@openssh.com"

// loadsLibrary says whether a request of that type can have the agent load a library: one for PKCS#11, or for FIDO keys,
// which is named in a constraint.
func loadsLibrary(messageType byte) bool {
	switch messageType {
	case agentcAddSmartcardKey, agentcAddIDConstrained, agentcAddSmartcardKeyConstrained:
		return true
	}
	return false
}

// firstRequest is nextRequest at the beginning of the channel.
func (r *relay) firstRequest() (bool, error) {
	if !r.bindComes {
		return r.nextRequest()
	}
	err := r.frame.read(r.channel)
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, &Error{Side: Remote, Op: "read", Err: err}
	}
	if !r.frame.isSessionBind() {
		r.unbound = true
		r.count()
		return true, nil
	}
	r.unsentBind = bytes.Clone(r.frame.body())
	r.frame.set(agentSuccess)
	if err := r.reply(); err != nil {
		return false, err
	}
	return r.nextRequest()
}

// bindSession sends a session-bind message to the agent and awaits its reply; it returns whether the agent accepted it.
func bindSession(agent io.ReadWriter, message []byte) (bool, error) {
	var f frame
	f.set(message...)
	if err := f.write(agent); err != nil {
		return false, err
	}
	if err := f.read(agent); err != nil {
		return false, midway(err)
	}
	switch f.messageType() {
	case agentSuccess:
		return true, nil
	case agentFailure, agentExtensionFailure:
		return false, nil
	}
	return false, &BindReplyError{Type: f.messageType()}
}

// midway makes the end of a stream an error where a reply was due.
func midway(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
