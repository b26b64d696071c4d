package guard

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net"
)

// errNoList says that the agent answered a request for its keys with something
// else.
var errNoList = errors.New("the agent gave no list of its keys")

// Look asks the agent at path on a connection of its own how many keys it has
// for this machine. It also sends the agent a session-bind for a host key that
// it makes for that, to learn whether the agent knows session-bind: the guard
// tells a locked agent by that. An agent may ask a person to unlock it first;
// ctx ends the wait.
func (g *Guard) Look(ctx context.Context, path string) (keys int, err error) {
	agent, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return 0, err
	}
	defer closeWith(ctx, agent)()
	var f frame
	f.set(agentcRequestIDs)
	if err := f.write(agent); err != nil {
		return 0, err
	}
	if err := f.read(agent); err != nil {
		return 0, err
	}
	if f.messageType() != agentIDsAnswer || f.size() < 1+lengthSize {
		return 0, errNoList
	}
	keys = int(binary.BigEndian.Uint32(f.body()[1:]))
	bind, err := trialBind()
	if err != nil {
		return keys, err
	}
	if accepted, err := bindSession(agent, bind); err == nil && accepted {
		g.binding.add(path)
	}
	return keys, nil
}

// trialBind returns a session-bind message for a connection that does not
// exist.
func trialBind() ([]byte, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	sessionID := []byte(rand.Text())
	const keyType = "ssh-ed25519"
	message := append([]byte{agentcExtension}, sessionBindName...)
	message = appendString(message, appendString(appendString(nil, []byte(keyType)), public))
	message = appendString(message, sessionID)
	message = appendString(message, appendString(appendString(nil, []byte(keyType)), ed25519.Sign(private, sessionID)))
	return append(message, 1), nil
}

// appendString appends s as a string of the protocol.
func appendString(out, s []byte) []byte {
	return append(binary.BigEndian.AppendUint32(out, uint32(len(s))), s...)
}
