// Package control is the control socket: how launchers and other clients talk to
// the keeper of a destination. It has both ends of the wire: Client is that of
// whoever wants something, Server and Conversation are the keeper's.
//
// A launcher finds or spawns the keeper (FindOrSpawn), has it bring the
// connection up and answers its questions (Client.Attach), and registers its
// session (Client.Lease). mosh's stand-in then has mosh-server started
// (Client.Start).
package control

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// protocolVersion is counted up when a message changes its meaning.
	protocolVersion = 4
	// maxLine bounds one message on the control socket, in bytes.
	maxLine = 64 << 10
	// maxCall bounds the first one of a conversation, which may carry what a
	// Spec does: a configuration is as long as its SetEnv.
	maxCall = maxSpec
	// maxReply bounds one from the keeper: a preview of the set-up has a diff of
	// each file.
	maxReply = maxCall
	// patience is how long a peer on the control socket may take to send its
	// first line or to take what is sent to it.
	patience = 10 * time.Second
)

// errLineTooLong ends the conversation with a peer that sends more bytes
// without a newline than its lines may have.
var errLineTooLong = errors.New("a line on the control socket is too long")

// wire carries one JSON value a line over the control socket. One goroutine
// may receive while others send.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	mu   sync.Mutex // one line at a time
}

func newWire(conn net.Conn) *wire {
	return &wire{conn: conn, in: bufio.NewReaderSize(conn, 4<<10)}
}

// send writes v as a line. A peer that does not read is given up after
// patience.
func (w *wire) send(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(line) >= maxCall { // nobody would take it
		return errLineTooLong
	}
	return w.write(append(line, '\n'))
}

// write writes these bytes in one piece.
func (w *wire) write(bytes []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.conn.SetWriteDeadline(time.Now().Add(patience))
	_, err := w.conn.Write(bytes)
	return err
}

// receive reads the next line into v.
func (w *wire) receive(v any) error {
	return w.receiveUpTo(maxLine, v)
}

func (w *wire) receiveUpTo(limit int, v any) error {
	line, err := readLine(w.in, limit)
	if err != nil {
		return err
	}
	return json.Unmarshal(line, v)
}

// receiveCall reads a conversation's first line, for which there is patience.
func (w *wire) receiveCall(c *Call) error {
	_ = w.conn.SetReadDeadline(time.Now().Add(patience))
	defer func() { _ = w.conn.SetReadDeadline(time.Time{}) }()
	return w.receiveUpTo(maxCall, c)
}

func (w *wire) Close() error { return w.conn.Close() }

// readLine returns the next line without its end. The last line may lack one.
func readLine(in *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return nil, errLineTooLong
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		default:
			return nil, err
		}
	}
}
