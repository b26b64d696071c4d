package netevent

import (
	"errors"
	"os"
	"sync"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// cause is what changed in the network; "" is nothing.
type cause string

const (
	link    cause = "link"
	address cause = "address"
	route   cause = "route"
	rule    cause = "rule"
	// overrun: messages were lost, and anything may have changed.
	overrun cause = "overrun"
)

// bufferSize holds any message of the routing socket (OpenBSD's RTM_MAXSIZE).
// rtnetlink's link messages may be longer; netlink reads their beginning only.
const bufferSize = 2048

// socket is where the kernel reports its network. One goroutine may use it;
// another may close its file.
type socket struct {
	file   *os.File
	buffer []byte
	judge  judge
}

// judge decides what the kernel's messages mean for a connection.
type judge interface {
	// cause returns what changed according to one datagram, which may be cut
	// short.
	cause(datagram []byte) cause
	// lost says that datagrams were lost.
	lost()
}

// newSocket takes over a descriptor, which must be nonblocking, and returns its
// socket.
func newSocket(fd int, name string, j judge) *socket {
	return &socket{file: os.NewFile(uintptr(fd), name), buffer: make([]byte, bufferSize), judge: j}
}

// next waits for a change and returns what changed, or the error after which
// there is nothing more to read: os.ErrClosed when the file was closed.
func (s *socket) next() (cause, error) {
	for {
		n, err := s.file.Read(s.buffer)
		switch {
		case errors.Is(err, unix.ENOBUFS): // netlink(7): the receive buffer was full
			s.judge.lost()
			return overrun, nil
		case err != nil:
			return "", err
		}
		if c := s.judge.cause(s.buffer[:n]); c != "" {
			return c, nil
		}
	}
}

// watchNetwork calls report for every change, in a goroutine of running, until
// the function that it returns is called.
func watchNetwork(running *sync.WaitGroup, log zerolog.Logger, report func()) (stop func()) {
	s, err := openSocket()
	if err != nil {
		log.Warn().Err(err).Msg("network changes cannot be watched")
		return func() {}
	}
	running.Go(func() { s.watch(log, report) })
	return func() { _ = s.file.Close() }
}

// watch calls report for every change until the file is closed or fails.
func (s *socket) watch(log zerolog.Logger, report func()) {
	for {
		c, err := s.next()
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil {
			log.Warn().Err(err).Msg("network changes are no longer watched")
			return
		}
		log.Trace().Str("cause", string(c)).Msg("network changed")
		report()
	}
}
