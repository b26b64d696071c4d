package guard

import (
	"errors"
	"io"
	"os"
	"sync"
)

// bindAgent tells the agent where the requests come from, unless it has
// accepted that, and reports whether it has now. Any other answer, a failure or
// something that no protocol knows, means that the agent does not know
// session-bind or is locked.
func (r *relay) bindAgent() (bool, error) {
	if r.bound {
		return true, nil
	}
	accepted, err := bindSession(r.agent, r.bind)
	if err != nil {
		return false, &Error{Side: Agent, Op: "bind", Err: err}
	}
	if accepted {
		r.bound = true
		r.guard.binding.add(r.path)
	}
	return accepted, nil
}

// bindSession sends a session-bind message to the agent and awaits its reply.
// It reports whether the agent accepted it.
func bindSession(agent io.ReadWriter, message []byte) (bool, error) {
	var f frame
	f.set(message...)
	if err := f.write(agent); err != nil {
		return false, err
	}
	if err := f.read(agent); err != nil {
		return false, midway(err)
	}
	return f.messageType() == agentSuccess, nil
}

// midway makes the end of a stream an error where a reply was due.
func midway(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// maxBinding is how many agents are remembered.
const maxBinding = 8

// binding remembers which agents have accepted a session-bind: when one of them
// refuses it, it is locked. It knows an agent by its socket, and a new agent at
// the same path by the socket's time.
type binding struct {
	mu      sync.Mutex
	sockets []os.FileInfo // the newest last
}

func (b *binding) add(path string) {
	socket, err := os.Stat(path)
	if err != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hasLocked(socket) {
		return
	}
	b.sockets = append(b.sockets, socket)
	b.sockets = b.sockets[max(len(b.sockets)-maxBinding, 0):]
}

func (b *binding) has(path string) bool {
	socket, err := os.Stat(path)
	if err != nil {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hasLocked(socket)
}

func (b *binding) hasLocked(socket os.FileInfo) bool {
	for _, s := range b.sockets {
		if os.SameFile(s, socket) && s.ModTime().Equal(socket.ModTime()) {
			return true
		}
	}
	return false
}
