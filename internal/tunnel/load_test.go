//go:build linux

package tunnel_test

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/tunnel"
)

// TestStall: readers that stall hold nobody else up.
func TestStall(t *testing.T) {
	s := newSite(t)
	s.connect()
	source := serve(t, "tcp", "127.0.0.1:0", func(conn half) {
		for {
			if _, err := conn.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}).Addr().(*net.TCPAddr).Port
	sink := serve(t, "tcp", "127.0.0.1:0", func(half) { <-t.Context().Done() }).Addr().(*net.TCPAddr).Port
	answers := serve(t, "tcp", "127.0.0.1:0", answer).Addr().(*net.TCPAddr).Port
	from, to, other := spec(t, tunnel.Local, "%d:localhost:%d", freePort(t), source), spec(t, tunnel.Local, "%d:localhost:%d", freePort(t), sink), spec(t, tunnel.Local, "%d:localhost:%d", freePort(t), answers)
	s.add(from, to, other)
	for range 10 {
		stalled, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", from.Listen.Port))
		if err != nil {
			t.Fatal(err)
		}
		defer stalled.Close()
		full, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", to.Listen.Port))
		if err != nil {
			t.Fatal(err)
		}
		defer full.Close()
		go func() {
			for {
				if _, err := full.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}()
	}
	moved := func() int64 { return s.status(from).Received + s.status(to).Sent }
	for last := int64(-1); last != moved(); time.Sleep(300 * time.Millisecond) {
		last = moved()
	}
	began := time.Now()
	for range 20 {
		ask(t, "tcp", fmt.Sprintf("127.0.0.1:%d", other.Listen.Port), strings.Repeat("x", 10_000))
	}
	t.Logf("%d bytes are held; 20 requests beside that took %v", moved(), time.Since(began))
}

// TestMany: a thousand connections in a row and two hundred at once, after which
// nothing is left; and not more than there are places.
func TestMany(t *testing.T) {
	s := newSite(t)
	s.connect()
	target := serve(t, "tcp", "127.0.0.1:0", answer).Addr().(*net.TCPAddr).Port
	at := []tunnel.Spec{spec(t, tunnel.Local, "%d:localhost:%d", freePort(t), target), spec(t, tunnel.Remote, "%d:localhost:%d", freePort(t), target)}
	s.add(at...)
	ask(t, "tcp", fmt.Sprintf("127.0.0.1:%d", at[0].Listen.Port), "first")
	s.until("it is gone", func() bool { return s.status(at[0]).Open == 0 })
	goroutines, descriptors := runtime.NumGoroutine(), labtest.Descriptors(t)
	for _, spec := range at {
		address := fmt.Sprintf("127.0.0.1:%d", spec.Listen.Port)
		began := time.Now()
		for range 1000 {
			ask(t, "tcp", address, "one of many")
		}
		t.Logf("%s: 1,000 in a row took %v", spec.Flag(), time.Since(began))
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() { ask(t, "tcp", address, strings.Repeat("x", 10_000)) })
		}
		all.Wait()
	}
	s.until("nothing is left", func() bool {
		return runtime.NumGoroutine() <= goroutines && labtest.Descriptors(t) <= descriptors
	})
}
