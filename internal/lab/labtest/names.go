//go:build linux

package labtest

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

// NameServer makes Go's resolver ask over what dial returns, until the test
// ends.
func NameServer(t testing.TB, dial func(context.Context) (net.Conn, error)) {
	system := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = system })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
}

// NoNames is a name server that has no name.
func NoNames(t testing.TB) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		answerNXDOMAIN(conn)
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	NameServer(t, func(context.Context) (net.Conn, error) { return net.Dial("udp", conn.LocalAddr().String()) })
}

// answerNXDOMAIN sends every question back with the flags of RFC 1035, section
// 4.1.1, set to response, recursion available, and name error.
func answerNXDOMAIN(conn net.PacketConn) {
	message := make([]byte, 512)
	for {
		n, from, err := conn.ReadFrom(message)
		if err != nil {
			return
		}
		message[2] |= 0x80
		message[3] = 0x80 | 3
		if _, err := conn.WriteTo(message[:n], from); err != nil {
			return
		}
	}
}

// StuckNames is a name server in a dead network. It counts who asks.
func StuckNames(t testing.TB) *atomic.Int32 {
	var asked atomic.Int32
	NameServer(t, func(ctx context.Context) (net.Conn, error) {
		asked.Add(1)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	return &asked
}

// Getent puts a script in the place of getent(1).
func Getent(t testing.TB, script string) {
	t.Helper()
	dir := t.TempDir()
	Program(t, filepath.Join(dir, "getent"), "#!/bin/sh\n"+script+"\n")
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}
