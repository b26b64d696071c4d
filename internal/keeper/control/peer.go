package control

import (
	"errors"
	"fmt"
	"net"
)

// checkPeer fails unless the other end of conn belongs to the user uid. Root is
// a stranger too: it could do anything to the keeper by other means, but has no
// business here. Where the system does not tell whose the other end is, the
// mode of the directory has to do.
func checkPeer(conn net.Conn, uid int) error {
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return errors.ErrUnsupported
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	peer := -1
	var asked error
	if err := raw.Control(func(fd uintptr) { peer, asked = peerUID(int(fd)) }); err != nil {
		return err
	}
	switch {
	case errors.Is(asked, errors.ErrUnsupported):
		return nil
	case asked != nil:
		return asked
	case peer != uid:
		return fmt.Errorf("a process of user %d on the control socket", peer)
	}
	return nil
}
