package keeper

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"
)

// quitter is a server whose shell ends as soon as something is said to it.
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
func (c *quitterChannel) Stderr() io.ReadWriter                          { return &endedStream{} }
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

// TestShellEndsUnderItsInput: a client that says something to a shell that has ended
// hears how it ended.
func TestShellEndsUnderItsInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := quitter{deadConnection{make(chan struct{})}}
		c := serve(spareKeeper(t), server)
		defer func() {
			c.drop()
			close(server.gone)
			<-c.done
		}()
		c.k.update(func() { c.k.conn = c })
		ours, theirs := net.Pipe()
		calls := make(chan call, 1)
		calls <- call{Op: opInput, Input: []byte("exit\n")}
		go func() {
			w := newWire(theirs)
			defer w.Close()
			if err := c.k.runShell(t.Context(), w, Shell{}, calls); err != nil {
				t.Error(err)
			}
		}()
		var r reply
		if err := newWire(ours).receive(&r); err != nil || r.Exit == nil || *r.Exit != 7 {
			t.Errorf("%+v, %v", r, err)
		}
		_ = ours.Close()
		synctest.Wait()
	})
}

// TestShellSaysWhyItEnded also to a client that only writes, and comes too late for
// the keeper to hear it.
func TestShellSaysWhyItEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		go func() {
			w := newWire(theirs)
			defer w.Close()
			var c call
			if err := w.receive(&c); err != nil || w.send(reply{Error: encodeError(&ExpiredError{User: "alice", Host: "devbox"})}) != nil {
				t.Error(err)
			}
		}()
		c := &Client{w: newWire(ours), stop: func() bool { return true }}
		shell, err := c.Shell(false)
		if err != nil {
			t.Fatal(err)
		}
		defer shell.Close()
		synctest.Wait()
		var expired *ExpiredError
		if _, err := shell.Write([]byte("true\n")); !errors.As(err, &expired) {
			t.Errorf("error is %v", err)
		}
	})
}
