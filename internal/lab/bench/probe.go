//go:build linux

package main

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh/agent"
)

// requestLimit ends a request that gets no answer: the socket of a connection
// whose loss nobody has noticed takes requests and stays silent.
const requestLimit = time.Second

// errNoKeys says that an agent answered and has no keys.
var errNoKeys = errors.New("the agent has no keys")

// listKeys asks the agent at the socket for its keys, as `ssh-add -l` does
// (SSH_AGENTC_REQUEST_IDENTITIES). The error is nil if it has any.
func listKeys(ctx context.Context, socket string) error {
	ctx, cancel := context.WithTimeout(ctx, requestLimit)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	keys, err := agent.NewClient(conn).List()
	if err == nil && len(keys) == 0 {
		return errNoKeys
	}
	return err
}

// gap is the time between the beginnings of two requests, when the network
// has been back for that long. It grows, so that a recovery that takes minutes
// is not measured on an sshd that holds thousands of open requests; it stays
// below 2 % of what is measured, or at 50 ms.
func gap(since time.Duration) time.Duration {
	return max(50*time.Millisecond, since/50)
}

// recovery returns how long after began a request first succeeded, of those
// that began after it. No request waits for another one. It returns never if
// that takes longer than the limit, and when ctx ends.
func recovery(ctx context.Context, socket string, began time.Time) time.Duration {
	ctx, cancel := context.WithDeadline(ctx, began.Add(recoveryLimit))
	defer cancel()
	answered := make(chan time.Duration, 1)
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-next.C:
			go func() {
				if listKeys(ctx, socket) != nil {
					return
				}
				select {
				case answered <- time.Since(began):
				default: // another one was first
				}
			}()
			next.Reset(gap(time.Since(began)))
		case took := <-answered:
			return took
		case <-ctx.Done():
			return never
		}
	}
}

// keepAsking makes one request after the other through each socket, as people
// do who wait for the network, and returns after that long. What the requests
// leave on the connections is there when the network returns.
func keepAsking(ctx context.Context, lasts time.Duration, sockets []string) {
	ctx, cancel := context.WithTimeout(ctx, lasts)
	defer cancel()
	var all sync.WaitGroup
	for _, socket := range sockets {
		all.Go(func() {
			for ctx.Err() == nil {
				begun := time.Now()
				_ = listKeys(ctx, socket) // it is not expected to work
				pause(ctx, requestLimit-time.Since(begun))
			}
		})
	}
	all.Wait()
}
