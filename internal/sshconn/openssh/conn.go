package openssh

import (
	"errors"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/attempt"
	"github.com/mosha-ssh/mosha/internal/sshconn/dial"
	"github.com/mosha-ssh/mosha/internal/sshconn/helper"
)

// master is a Connection that OpenSSH's ssh carries as a ControlMaster.
//
//	keeper ==sessions==> control socket -> ssh -> relay in this process -> server
//	guard  <==agent====  agent socket  <- ssh
//
// It ends when any of these does. ssh ends when the relay closes its end, and the
// control connection ends with ssh.
type master struct {
	stream  *attempt.Stream
	dir     helper.Dir
	passing *net.UnixListener // where ssh comes for the connection
	asking  *net.UnixListener // where its questions come
	agents  *net.UnixListener // where its agent channels come
	process *process

	mux      ssh.Conn
	control  *controlConn // under mux
	forwards *forwards
	channels <-chan ssh.NewChannel
	requests <-chan *ssh.Request
	facts    sshconn.Facts

	close sync.Once
	done  chan struct{} // closed when nothing of it is left
}

// attach begins to use the control socket of an ssh that has connected.
func (m *master) attach() error {
	conn, err := net.Dial("unix", m.dir.Control())
	if err != nil {
		return err
	}
	m.control = &controlConn{Conn: conn, done: make(chan struct{})}
	m.forwards = newForwards(m.dir)
	m.mux, m.channels, m.requests, err = ssh.NewControlClientConn(m.control)
	if err != nil {
		conn.Close()
	}
	return err
}

// OpenChannel is that of Connection.
func (m *master) OpenChannel(kind string, extra []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	return m.mux.OpenChannel(kind, extra)
}

// RoundTrip opens a session and closes it: a master passes on no global
// request. That the server opens no more sessions is an answer too.
func (m *master) RoundTrip() error {
	channel, requests, err := m.OpenChannel("session", nil)
	if rejected := (*ssh.OpenChannelError)(nil); errors.As(err, &rejected) {
		return nil
	}
	if err != nil {
		return err
	}
	go ssh.DiscardRequests(requests)
	return channel.Close()
}

// Serve is that of Connection.
func (m *master) Serve(agent func(sshconn.AgentOffer), forwarded func(ssh.NewChannel)) {
	go ssh.DiscardRequests(m.requests)
	m.forwards.serve(forwarded)
	go func() {
		for offered := range m.channels {
			_ = offered.Reject(ssh.UnknownChannelType, "not served here")
		}
	}()
	for {
		conn, err := m.agents.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no descriptors, for the moment
			time.Sleep(acceptRest)
			continue
		}
		agent(&offer{conn: conn})
	}
}

// Probe is that of Connection. ssh sends nothing on for us that a server need not
// answer, so that all was acknowledged says nothing new.
func (m *master) Probe() (confirmed, known bool) {
	confirmed, known = dial.Confirmed(m.stream.Conn)
	return false, known && !confirmed
}

// LocalAddr is that of Connection.
func (m *master) LocalAddr() net.Addr { return m.stream.LocalAddr() }

// Facts is that of Connection.
func (m *master) Facts() sshconn.Facts { return m.facts }

// Wait is that of Connection. The error is a *MasterError if ssh ended by itself.
func (m *master) Wait() error {
	_ = m.mux.Wait() // always an end of the stream
	lost := m.stream.IsLost()
	m.Close()
	if _, final := m.process.stderr.said(); !lost && final != "" && !m.process.killed() {
		return &sshconn.MasterError{Status: m.process.cmd.ProcessState.ExitCode(), Message: final}
	}
	return nil
}

// Close is that of Connection. It closes the connection to the server first, so
// that nothing waits for ssh.
func (m *master) Close() error {
	m.close.Do(func() {
		defer close(m.done)
		m.stream.Close()
		for _, l := range []*net.UnixListener{m.passing, m.asking, m.agents} {
			if l != nil {
				l.Close()
			}
		}
		if m.mux != nil {
			m.mux.Close()
			m.forwards.close()
		}
		if m.process != nil {
			m.process.end()
		}
		m.dir.Remove()
	})
	<-m.done
	return nil
}

// acceptRest is the wait before the next try to accept a connection.
const acceptRest = 100 * time.Millisecond

// offer is an agent channel. ssh has accepted it already.
type offer struct{ conn *net.UnixConn }

// Accept returns the channel. ssh itself begins it with session-bind.
func (o *offer) Accept() (*sshconn.AgentChannel, error) {
	return &sshconn.AgentChannel{ReadWriteCloser: o.conn}, nil
}

// Waits is that of AgentOffer.
func (o *offer) Waits() bool { return false }

// Refuse is that of AgentOffer.
func (o *offer) Refuse(ssh.RejectionReason) { o.conn.Close() }
