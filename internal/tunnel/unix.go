package tunnel

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// unixListener listens on a Unix socket here.
type unixListener struct {
	*net.UnixListener
	socket socketFile
}

// Close removes the socket, too, unless another file has its place meanwhile.
func (l *unixListener) Close() error {
	l.socket.remove()
	return l.UnixListener.Close()
}

// listenUnix listens on a Unix socket, whose mode is set before anybody can
// connect. A socket there on which nobody listens is removed: a keeper that was
// killed leaves it.
func listenUnix(path string, rules Rules) (net.Listener, error) {
	path = fileName(path)
	if rules.Unlink || isStale(path) {
		if info, err := os.Lstat(path); err == nil && info.Mode().Type() == os.ModeSocket {
			_ = os.Remove(path)
		}
	}
	fd, err := unixSocket()
	if err != nil {
		return nil, asListenError(path, err)
	}
	file := os.NewFile(uintptr(fd), path)
	defer file.Close()
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		return nil, asListenError(path, err)
	}
	socket, err := findSocket(path)
	if err == nil {
		err = socket.allow(rules.Mask)
	}
	if err == nil {
		err = syscall.Listen(fd, backlog)
	}
	var l net.Listener
	if err == nil {
		l, err = net.FileListener(file)
	}
	if err != nil {
		socket.remove()
		return nil, asListenError(path, err)
	}
	return &unixListener{l.(*net.UnixListener), socket}, nil
}

// socketFile is a socket that was made here. Others may write to its directory.
type socketFile struct {
	path string
	made os.FileInfo
}

// errReplaced reports that another file has the place of a socket of ours.
var errReplaced = errors.New("another file was put in its place")

func findSocket(path string) (socketFile, error) {
	made, err := os.Lstat(path)
	if err == nil && made.Mode().Type() != os.ModeSocket {
		err = errReplaced
	}
	if err != nil {
		return socketFile{}, err
	}
	return socketFile{path, made}, nil
}

// isThere reports whether the socket still has its place.
func (s socketFile) isThere() bool {
	now, err := os.Lstat(s.path)
	return err == nil && s.made != nil && os.SameFile(now, s.made)
}

func (s socketFile) remove() {
	if s.isThere() {
		_ = os.Remove(s.path)
	}
}

// allow sets the mode by StreamLocalBindMask. The keeper's umask has made what
// the default asks for, and then nothing is changed by name.
func (s socketFile) allow(mask int) error {
	const counting = 0o666 // nobody executes a socket
	mode := os.FileMode(0o777 &^ mask)
	if s.made.Mode()&counting == mode&counting {
		return nil
	}
	if !s.isThere() {
		return errReplaced
	}
	if unix.Fchmodat(unix.AT_FDCWD, s.path, uint32(mode), unix.AT_SYMLINK_NOFOLLOW) == nil {
		return nil
	}
	return os.Chmod(s.path, mode) // Linux before 6.6 follows links
}

// fileName is a path as the system takes it: as of ssh, each names a file. Go
// would take one that begins with @ for Linux's abstract sockets.
func fileName(path string) string {
	if strings.HasPrefix(path, "@") {
		return "./" + path
	}
	return path
}

// unixSocket makes a socket that no child inherits.
func unixSocket() (fd int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err = syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	return fd, err
}

// isStale reports whether nobody listens on the socket at a path.
func isStale(path string) bool {
	conn, err := net.Dial("unix", path)
	if err == nil {
		_ = conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}
