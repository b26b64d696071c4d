package guard

import (
	"errors"
	"io"
)

// Message types of draft-miller-ssh-agent that are looked at; all others pass unseen.
const (
	agentFailure          = 5
	agentSuccess          = 6
	agentcSignRequest     = 13
	agentExtensionFailure = 28
)

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
