package openssh

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

// Messages on a master's control socket (PROTOCOL.mux).
const (
	muxHello        = 1
	muxVersion      = 4
	muxOpenForward  = 0x10000006
	muxCloseForward = 0x10000007
	muxOK           = 0x80000001
	muxRemotePort   = 0x80000007

	muxRemote = 2         // the type of a forward
	muxUnix   = 1<<32 - 2 // in place of the port of a Unix socket
)

const (
	// maxMux bounds a message of ssh's, in bytes.
	maxMux = 256 << 10
	// muxPatience is how long ssh, and for it the server, may take to answer.
	// In a dead network the connection ends before that.
	muxPatience = time.Minute
)

// errRefused reports that the server does not listen, or ssh does not ask it to.
var errRefused = errors.New("ssh does not forward it")

// muxHost is the address as ssh takes it, for which none is localhost.
func (f *forward) muxHost() string { return cmp.Or(f.host, "*") }

// tell sends ssh a message about the listener and reads its answer: the port if
// the server was to choose one.
func (f *forward) tell(control string, kind uint32) (port uint32, err error) {
	conn, err := net.Dial("unix", control)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(muxPatience))
	const request = 1
	for _, message := range [][]byte{
		ssh.Marshal(struct{ Kind, Version uint32 }{muxHello, muxVersion}),
		ssh.Marshal(struct {
			Kind, Request, Type uint32
			Host                string
			Port                uint32
			Target              string
			TargetPort          uint32
		}{kind, request, muxRemote, f.muxHost(), f.port, f.socket, muxUnix}),
	} {
		if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...)); err != nil {
			return 0, err
		}
	}
	for {
		answer, err := readMux(conn)
		if err != nil {
			return 0, err
		}
		var head struct {
			Kind, Request uint32
			Rest          []byte `ssh:"rest"`
		}
		if err := ssh.Unmarshal(answer, &head); err != nil {
			return 0, err
		}
		switch head.Kind {
		case muxHello:
			continue
		case muxOK:
			return 0, nil
		case muxRemotePort:
			var chosen struct{ Port uint32 }
			err := ssh.Unmarshal(head.Rest, &chosen)
			return chosen.Port, err
		}
		return 0, errRefused
	}
}

// readMux reads a message.
func readMux(conn io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxMux {
		return nil, fmt.Errorf("a message of %d bytes from ssh", n)
	}
	message := make([]byte, n)
	_, err := io.ReadFull(conn, message)
	return message, err
}
