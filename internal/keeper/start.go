package keeper

import (
	"context"
	"errors"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/remote"
	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// startServer has mosh-server started for the stand-in and relays what that
// prints. It tells what the start lacks when that is known, beside the output.
func (s service) startServer(ctx context.Context, c *control.Conversation, start control.Start) error {
	failures, leave := s.attend(false)
	defer leave()
	defer context.AfterFunc(ctx, leave)() // a start may outlast its client
	conn, err := s.connected(ctx, failures, nil, nil)
	if err != nil {
		return c.Fail(err)
	}
	for tries := 0; ; tries++ {
		code, err := s.startOn(ctx, conn, c, start)
		if err == nil {
			return c.Exit(code)
		}
		if tries == startTries(conn) || !conn.Over() || ctx.Err() != nil {
			return c.Fail(err)
		}
		// The connection was lost in the middle: there will be another.
		if conn, err = s.connected(ctx, failures, nil, nil); err != nil {
			return c.Fail(err)
		}
	}
}

// startTries is how often a start whose connection is lost is tried again. Where
// each takes a connection of its own, that may have been another's.
func startTries(conn *remote.Connection) int {
	if conn.Facts().OneSession {
		return 20
	}
	return 2
}

// startOn starts mosh-server over one connection. It tells the client beside
// that when the remote is ready.
func (s service) startOn(ctx context.Context, conn *remote.Connection, c *control.Conversation, start control.Start) (int, error) {
	conn.Begin(false)
	told := make(chan struct{})
	go func() {
		defer close(told)
		s.tellSettled(ctx, conn, c)
	}()
	waiting := func(kind string) { _ = c.Tell(sshconn.Notice{Kind: kind}) }
	code, err := conn.Start(ctx, start, waiting, func(p []byte) { _ = c.Output(p) })
	if errors.Is(err, remote.ErrLostInStart) {
		return code, err
	}
	<-told // mosh wants to hear the address, also where it then hears of no server
	return code, err
}

// tellSettled tells a client when the set-up and the link are done or have
// failed.
func (s service) tellSettled(ctx context.Context, conn *remote.Connection, c *control.Conversation) {
	if !conn.Settled(ctx) {
		return
	}
	address, beyond := conn.Address()
	ready := control.Ready{Address: address, Beyond: beyond, Written: conn.Written()}
	if conn.Expired() == nil { // which the start reports
		ready.Warnings = s.lacking(conn)
	}
	_ = c.Settled(ready)
}

// lacking returns what a launch is told: what sessions go without, and that its
// agent has no keys where that is the one reason why the session has none.
func (s service) lacking(conn *remote.Connection) []error {
	lacks := conn.Lacks()
	forward := (*link.ForwardError)(nil)
	for _, err := range lacks {
		if errors.As(err, &forward) {
			return lacks
		}
	}
	if err := s.agents.lacksKeys(); err != nil {
		lacks = append(lacks, err)
	}
	return lacks
}
