package proxy

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/secret"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// handOver runs a proxy that opens the connection and hands it over on its
// standard output, a socket, before it ends (ssh_config(5), ProxyUseFdpass).
// Errors are *sshconn.ProxyError, or a timeout at the deadline.
func (p *Process) handOver(ctx context.Context, deadline time.Time) (net.Conn, error) {
	defer p.Leave()
	socket, err := p.startOnSocket()
	if err != nil {
		return nil, p.failedToStart(err)
	}
	defer p.end()
	defer socket.Close()
	stop := context.AfterFunc(ctx, func() { _ = socket.Close() })
	defer stop()
	if err := socket.SetReadDeadline(deadline); err != nil {
		return nil, p.failedToStart(err)
	}
	conn, err := receiveConn(socket)
	switch {
	case err == nil:
		return &handedOver{conn}, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, err
	}
	failed := &sshconn.ProxyError{Command: p.command}
	_ = errors.As(p.Failure(ctx), &failed)
	if failed.Message == "" {
		failed.Message = errNoSocket.Error()
	}
	return nil, failed
}

// startOnSocket starts the child with a socket as its standard input and
// output, and returns the other end.
func (p *Process) startOnSocket() (*net.UnixConn, error) {
	syscall.ForkLock.RLock() // not all systems have SOCK_CLOEXEC
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fds[0])
		unix.CloseOnExec(fds[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, err
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "proxy"), os.NewFile(uintptr(fds[1]), "proxy")
	defer ours.Close()
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, err
	}
	p.cmd.Stdin, p.cmd.Stdout = theirs, theirs
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	secret.Started(p.cmd.Process)
	go p.reap()
	return conn.(*net.UnixConn), nil
}

// errNoSocket says that a proxy handed over nothing, or something else.
var errNoSocket = errors.New("it handed over no socket")

// receiveConn takes a descriptor that comes with a byte of data, and makes a
// connection of it (SCM_RIGHTS, see unix(7)).
func receiveConn(from *net.UnixConn) (net.Conn, error) {
	const room = 4 // a proxy may not fill our table of descriptors
	data, control := make([]byte, 1), make([]byte, unix.CmsgSpace(room*4))
	_, n, _, _, err := from.ReadMsgUnix(data, control)
	if err != nil {
		return nil, err
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil {
		return nil, errNoSocket
	}
	var conn net.Conn
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			file := os.NewFile(uintptr(fd), "handed over")
			if conn == nil {
				conn, _ = net.FileConn(file)
			}
			file.Close()
		}
	}
	if conn == nil {
		return nil, errNoSocket
	}
	return conn, nil
}

// handedOver is a connection that a proxy made. It may lead to the next proxy, so
// its other end is not the server's address.
type handedOver struct{ net.Conn }

func (*handedOver) RemoteAddr() net.Addr { return Addr{} }
