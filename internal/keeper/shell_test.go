package keeper

import (
	"bufio"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"
)

// quitter is a server whose shell ends as soon as a client writes to it.
type quitter struct{ deadConnection }

func (q quitter) OpenChannel(string, []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	c := &quitterChannel{heard: make(chan struct{}), requests: make(chan *ssh.Request, 1)}
	return c, c.requests, nil
}

type quitterChannel struct {
	ssh.Channel
	heard    chan struct{}
	requests chan *ssh.Request
}

func (c *quitterChannel) SendRequest(string, bool, []byte) (bool, error) { return true, nil }
func (c *quitterChannel) Stderr() io.ReadWriter                          { return endedStream{} }
func (c *quitterChannel) CloseWrite() error                              { return nil }
func (c *quitterChannel) Close() error                                   { return nil }

func (c *quitterChannel) Write([]byte) (int, error) {
	close(c.heard)
	return 0, io.EOF
}

func (c *quitterChannel) Read([]byte) (int, error) {
	<-c.heard
	time.Sleep(time.Second)
	c.requests <- &ssh.Request{Type: "exit-status", Payload: ssh.Marshal(struct{ Code uint32 }{7})}
	close(c.requests)
	return 0, io.EOF
}

type endedStream struct{ io.ReadWriter }

func (endedStream) Read([]byte) (int, error) { return 0, io.EOF }

// TestShellEndsUnderItsInput: a client that says something to a shell that has
// ended hears how it ended.
func TestShellEndsUnderItsInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quitter{deadConnection{gone: make(chan struct{})}}
		k := spareKeeper(t)
		conn := k.serve(server)
		defer func() {
			conn.Drop()
			close(server.gone)
			<-conn.Done()
		}()
		k.update(func() { k.conn = conn })
		ours, theirs := net.Pipe()
		go k.server().Converse(t.Context(), theirs, func() {})
		go func() {
			_, _ = ours.Write([]byte(`{"mosha":4,"op":"shell","shell":{}}` + "\n" + `{"mosha":4,"op":"input","input":"ZXhpdAo="}` + "\n"))
		}()
		if said, err := bufio.NewReader(ours).ReadString('\n'); said != `{"exit":7}`+"\n" {
			t.Errorf("%q, %v", said, err)
		}
		_ = ours.Close()
		synctest.Wait()
	})
}
