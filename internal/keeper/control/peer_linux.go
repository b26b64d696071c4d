package control

import "golang.org/x/sys/unix"

// peerUID returns the user whose process connected to, or listens on, the
// other end of a Unix socket (unix(7), SO_PEERCRED).
func peerUID(fd int) (int, error) {
	peer, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return -1, err
	}
	return int(peer.Uid), nil
}
