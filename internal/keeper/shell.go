package keeper

import (
	"context"
	"errors"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/remote"
)

// runShell runs a shell for a client: what the client sends goes to its input,
// what it prints comes back. Its standard error is dropped, but for the beginning
// of that of one that has printed nothing: it tells why. Nothing else is done to
// the remote. When the client is gone, the shell's input ends, and it
// has remote.DetachLimit to clean up behind itself; for so long the keeper stays.
func (s service) runShell(ctx context.Context, c *control.Conversation, shell control.Shell) error {
	failures, leave := s.attend(false)
	defer leave()
	conn, err := s.connected(ctx, failures, nil, nil)
	if err != nil {
		return c.Fail(err)
	}
	session, err := conn.OpenShell(ctx, shell.Agent)
	if err != nil {
		return c.Fail(err)
	}
	defer session.Close()
	// A remote that takes no more input holds feed up.
	defer context.AfterFunc(ctx, func() { time.AfterFunc(remote.DetachLimit, func() { _ = session.Close(); leave() }) })()
	// Where the remote's process does not end, its output does not either.
	printed := make(chan struct{})
	silent := true
	go func() {
		defer close(printed)
		session.Output(func(p []byte) { silent = false; _ = c.Output(p) })
	}()
	fed := make(chan error, 1)
	go func() { fed <- feed(ctx, c, session) }()
	select {
	case <-printed:
	case err := <-fed: // the client has gone, or the shell takes no more
		fed <- err
		select {
		case <-printed:
		case <-time.After(remote.DetachLimit):
			return err
		}
		if err != nil || ctx.Err() != nil {
			return err
		}
	}
	code, err := session.Wait()
	if err != nil {
		return c.Fail(errLostInShell)
	}
	if err := session.Expired(); err != nil {
		return c.Fail(err)
	}
	if said := session.LastWords(); silent && len(said) > 0 {
		_ = c.Output(said)
	}
	_ = c.Exit(code)
	return <-fed
}

var errLostInShell = errors.New("the connection was lost while a shell ran on it")

// feed writes what the client sends to the shell, a call at a time, each of
// which is answered when it is written. It returns when the client has gone.
func feed(ctx context.Context, c *control.Conversation, session *remote.Session) error {
	defer func() { _ = session.CloseWrite() }()
	for {
		select {
		case call := <-c.More:
			switch call.Op {
			case control.OpInput:
				if _, err := session.Write(call.Input); err != nil {
					return nil // its end shows on the output
				}
			case control.OpEnd:
				_ = session.CloseWrite()
			default:
				return control.ErrUnknownCall
			}
			if err := c.Done(); err != nil {
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}
