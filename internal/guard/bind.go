package guard

import (
	"encoding/binary"
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
)

// SessionBind returns the message (without length field) that tells an agent which SSH connection its requests come over:
// PROTOCOL.agent, section 1. hostKey is the server's key as the key exchange showed it, sessionID the first exchange
// hash, signature the server's over it, all in SSH's wire encoding; forwarding is true where the agent is forwarded over that
// connection, false where it authenticates it.
func SessionBind(hostKey, sessionID, signature []byte, forwarding bool) []byte {
	message := []byte{agentcExtension}
	for _, field := range [][]byte{[]byte("session-bind@openssh.com"), hostKey, sessionID, signature} {
		message = binary.BigEndian.AppendUint32(message, uint32(len(field)))
		message = append(message, field...)
	}
	if forwarding {
		return append(message, 1)
	}
	return append(message, 0)
}

// bindSession sends message, one of SessionBind's, to the agent and awaits its reply; it returns whether the agent
// accepted it.
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
