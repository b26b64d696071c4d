//go:build darwin || freebsd

package control

import "golang.org/x/sys/unix"

// solLocal is the level of a Unix socket's own options, SOL_LOCAL in
// <sys/un.h>.
const solLocal = 0

// peerUID returns the user whose process connected to, or listens on, the
// other end of a Unix socket (unix(4), LOCAL_PEERCRED).
func peerUID(fd int) (int, error) {
	peer, err := unix.GetsockoptXucred(fd, solLocal, unix.LOCAL_PEERCRED)
	if err != nil {
		return -1, err
	}
	return int(peer.Uid), nil
}
