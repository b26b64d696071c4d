package guard

import (
	"context"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestDialFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials := 0
		s := serve(t, func(context.Context) (net.Conn, string, error) {
			dials++
			return nil, "", os.ErrNotExist
		}, nil)
		for range 3 {
			send(t, s.client, 11)
			expect(t, s.client, agentFailure)
		}
		s.client.Close()
		stats, err := s.end(t)
		wantError(t, err, Agent, "dial", os.ErrNotExist)
		if dials != 1 || stats.Requests != 3 {
			t.Errorf("dialed %d times for %+v", dials, stats)
		}
	})
}

func TestDialHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		s := serve(t, func(ctx context.Context) (net.Conn, string, error) {
			<-ctx.Done()
			return nil, "", ctx.Err()
		}, nil)
		send(t, s.client, 11)
		expect(t, s.client, agentFailure)
		if waited := time.Since(begin); waited != dialTimeout {
			t.Errorf("answered after %v, want %v", waited, dialTimeout)
		}
		s.client.Close()
		_, err := s.end(t)
		wantError(t, err, Agent, "dial", context.DeadlineExceeded)
	})
}

func TestDialQueueFull(t *testing.T) {
	for _, c := range []struct {
		name  string
		full  time.Duration // how long dialing fails
		reply byte
	}{
		{"for a moment", time.Second, 11},
		{"for good", time.Hour, agentFailure},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				s := serve(t, func(ctx context.Context) (net.Conn, string, error) {
					if time.Since(begin) < c.full {
						return nil, "", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EAGAIN)}
					}
					return scripted(echo)(ctx)
				}, nil)
				send(t, s.client, 11)
				expect(t, s.client, c.reply)
				s.client.Close()
				_, _ = s.end(t)
			})
		})
	}
}
