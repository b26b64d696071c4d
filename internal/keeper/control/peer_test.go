package control

import (
	"bufio"
	"errors"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// socketPair returns the two ends of a connected Unix socket.
func socketPair(t testing.TB) (ours, theirs *net.UnixConn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends []*net.UnixConn
	for _, fd := range fds {
		file := os.NewFile(uintptr(fd), "pair")
		conn, err := net.FileConn(file)
		if err != nil {
			t.Fatal(err)
		}
		_ = file.Close()
		ends = append(ends, conn.(*net.UnixConn))
	}
	return ends[0], ends[1]
}

// TestNumbers: clients by the thousand that say nothing, or half a line, keep
// no honest one waiting for their time to end.
func TestNumbers(t *testing.T) {
	for name, says := range map[string]string{"nothing": "", "half a line": `{"mosha":4,"op":"sta`} {
		t.Run(name, func(t *testing.T) {
			l := listenForTest(t)
			const crowd = 2000
			silent := make([]*net.UnixConn, crowd)
			var honest sync.WaitGroup
			for i := range silent {
				silent[i] = l.dial()
				_, _ = silent[i].Write([]byte(says))
				if i%100 == 0 {
					honest.Go(l.honest)
				}
			}
			honest.Wait()
			l.honest()
			if open(t, silent[0]) {
				t.Error("the first of the crowd is still there")
			}
		})
	}
}

// TestAttachedStay: those who have said what they want are not sent away for
// a newcomer; who comes then waits.
func TestAttachedStay(t *testing.T) {
	l := listenForTest(t)
	conns := make([]*net.UnixConn, maxClients)
	for i := range conns {
		conns[i] = l.dial()
		_, _ = conns[i].Write([]byte(`{"mosha":4,"op":"attach","attach":{}}` + "\n"))
	}
	l.counted(maxClients)
	for _, conn := range conns {
		if line, err := bufio.NewReader(conn).ReadString('\n'); line != `{"heard":true}`+"\n" {
			t.Fatalf("%q, %v", line, err)
		}
	}
	newcomer := l.dial()
	answered := make(chan string, 1)
	go func() {
		_, _ = newcomer.Write([]byte(`{"mosha":4,"op":"status"}` + "\n"))
		answered <- ended(t, newcomer)
	}()
	_ = conns[7].Close()
	if said := <-answered; said == "" {
		t.Error("the newcomer was not answered")
	}
	for i, conn := range conns {
		if i != 7 && !open(t, conn) {
			t.Fatalf("client %d had to go", i)
		}
	}
}

// TestPlaces: the oldest silent client goes, after its grace and not before.
func TestPlaces(t *testing.T) {
	all := newPlaces(2)
	first, firstEnd := socketPair(t)
	second, secondEnd := socketPair(t)
	third, thirdEnd := socketPair(t)
	all.take(first).heard()
	silent := all.take(second)
	go func() { // as converse does when its client is closed
		_, _ = second.Read(make([]byte, 1))
		silent.leave()
	}()
	all.take(third)
	if age := time.Since(silent.since); age < silentGrace {
		t.Errorf("the silent one had to go after %v", age)
	}
	if !open(t, firstEnd) || open(t, secondEnd) || !open(t, thirdEnd) {
		t.Errorf("open are: first %v, second %v, third %v", open(t, firstEnd), open(t, secondEnd), open(t, thirdEnd))
	}
}

// TestAcceptGoesOn: what fails for a moment, as with no descriptor left, does
// not end the serving; the listener's end does.
func TestAcceptGoesOn(t *testing.T) {
	spec := spareSpec(t)
	listener, err := Listen(spec.dir().Socket())
	if err != nil {
		t.Fatal(err)
	}
	server := &Server{Log: zerolog.Nop()}
	failing := &failingListener{Listener: listener, failures: 2}
	client, err := dialSocket(t.Context(), listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := server.accept(failing)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	_ = listener.Close()
	if _, err := server.accept(failing); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after its end: %v", err)
	}
}

// failingListener has no descriptor left for the first few.
type failingListener struct {
	net.Listener
	failures int
}

func (l *failingListener) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, unix.EMFILE
	}
	return l.Listener.Accept()
}
