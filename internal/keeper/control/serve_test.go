package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

// listening is a keeper of which nothing is there but its control socket.
type listening struct {
	t       *testing.T
	spec    Spec
	stopped chan struct{}                             // closed when a client wants it to stop
	asks    chan func(context.Context, *Conversation) // what an attached client is asked

	mu       sync.Mutex
	attached int
}

// spareSpec is one whose directories are its own.
func spareSpec(t *testing.T) Spec {
	t.Helper()
	base, err := os.MkdirTemp("", "mosha-") // a socket's path is short, and t.TempDir may not be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	spec := Spec{Dirs: rundir.Dirs{Runtime: base, State: base}, Config: &sshconfig.Config{Dest: "devbox", HostName: "devbox.example", User: "me", Port: 22}}
	if err := spec.dir().Make(); err != nil {
		t.Fatal(err)
	}
	return spec
}

// listenForTest serves a socket until the test ends.
func listenForTest(t *testing.T) *listening {
	t.Helper()
	l := &listening{t: t, spec: spareSpec(t), stopped: make(chan struct{}), asks: make(chan func(context.Context, *Conversation))}
	listener, err := Listen(l.path())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() { l.server().Serve(ctx, listener) })
	t.Cleanup(func() {
		_ = listener.Close()
		cancel()
		served.Wait()
	})
	return l
}

func (l *listening) server() *Server {
	return &Server{Log: zerolog.Nop(), Used: func() {}, Answer: l.answer}
}

func (l *listening) answer(ctx context.Context, c *Conversation) error {
	switch c.Op {
	case OpStatus:
		return c.Status(&Status{Destination: "devbox"})
	case OpTry:
		return c.Report(&SetupReport{Files: manyDiffs()})
	case OpStop:
		close(l.stopped)
		return c.Done()
	case OpAttach:
		_ = c.Heard()
		l.count(1)
		defer l.count(-1)
		for {
			select {
			case ask := <-l.asks:
				ask(ctx, c)
			case <-ctx.Done():
				return nil
			}
		}
	}
	return ErrUnknownCall
}

// manyDiffs is a preview of a set-up that has as much to show as any.
func manyDiffs() []bootstrap.FileResult {
	return slices.Repeat([]bootstrap.FileResult{{Path: "~/.bashrc", Action: bootstrap.Changed, Diff: bytes.Repeat([]byte("+"), 32<<10)}}, 11)
}

// TestLongPreview: all diffs of a preview reach the client.
func TestLongPreview(t *testing.T) {
	l := listenForTest(t)
	client, err := Connect(t.Context(), l.spec.Dirs, l.spec.ID())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	report, err := client.Setup(false, true)
	if err != nil || !reflect.DeepEqual(report.Files, manyDiffs()) {
		t.Errorf("%v", err)
	}
}

func (l *listening) count(more int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attached += more
}

func (l *listening) path() string { return l.spec.dir().Socket() }

// dial connects as a client does that may say anything.
func (l *listening) dial() *net.UnixConn {
	l.t.Helper()
	conn, err := dialSocket(l.t.Context(), l.path())
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.UnixConn)
}

// honest asks for the status as mosha does.
func (l *listening) honest() {
	l.t.Helper()
	status, err := StatusOf(context.Background(), l.spec.Dirs, l.spec.ID())
	if err != nil || status.Destination != "devbox" {
		l.t.Errorf("an honest client was told %+v, %v", status, err)
	}
}

// counted waits until that many clients are attached.
func (l *listening) counted(n int) {
	l.t.Helper()
	for limit := time.Now().Add(5 * time.Minute); ; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		is := l.attached
		l.mu.Unlock()
		if is == n {
			return
		}
		if time.Now().After(limit) {
			l.t.Fatalf("%d clients are attached, want %d", is, n)
		}
	}
}

// ended waits until the keeper has closed a conversation, and returns what it
// said before.
func ended(t *testing.T, conn net.Conn) string {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Minute))
	said, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the conversation goes on")
	}
	return string(said)
}

// open reports whether the other end, of which nothing is left to read, is
// still there.
func open(t *testing.T, conn *net.UnixConn) bool {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var got error
	_ = raw.Control(func(fd uintptr) {
		_, _, got = unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	})
	return errors.Is(got, unix.EAGAIN)
}

// TestSilence: a client that says nothing, or half a line, or a byte now and
// then, is left after patience.
func TestSilence(t *testing.T) {
	for name, say := range map[string]func(net.Conn){
		"nothing":     func(net.Conn) {},
		"half a line": func(c net.Conn) { _, _ = c.Write([]byte(`{"mosha":4,`)) },
		"a byte a second": func(c net.Conn) {
			for {
				if _, err := c.Write([]byte(" ")); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := &listening{t: t}
				ours, theirs := net.Pipe()
				began := time.Now()
				var said sync.WaitGroup
				said.Go(func() { say(theirs) })
				l.server().Converse(t.Context(), ours, func() { t.Error("heard what was not said") })
				if took := time.Since(began); took != patience {
					t.Errorf("it was left after %v, want %v", took, patience)
				}
				said.Wait()
			})
		})
	}
}

// TestDeafClient: the keeper gives up a client that does not read its answer.
func TestDeafClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &listening{t: t}
		ours, theirs := net.Pipe()
		go func() { _, _ = theirs.Write([]byte(`{"mosha":4,"op":"status"}` + "\n")) }()
		began := time.Now()
		l.server().Converse(t.Context(), ours, func() {})
		if took := time.Since(began); took < patience || took > 2*patience {
			t.Errorf("it was given up after %v, want %v", took, patience)
		}
		synctest.Wait()
	})
}

// TestVersions: the keeper tells a client that it is of another version, in every
// call but stop, which has to work with all.
func TestVersions(t *testing.T) {
	l := listenForTest(t)
	for _, version := range []int{0, -1, protocolVersion + 1} {
		conn := l.dial()
		fmt.Fprintf(conn, `{"mosha":%d,"op":"attach","attach":{},"new":{"field":1}}`+"\n", version)
		var r reply
		if err := json.Unmarshal([]byte(ended(t, conn)), &r); err != nil {
			t.Fatal(err)
		}
		var told *VersionError
		if err := r.Error.decode(); !errors.As(err, &told) || *told != (VersionError{Keeper: protocolVersion, Client: version}) {
			t.Errorf("a client of version %d is told: %v", version, err)
		}
	}
	conn := l.dial()
	fmt.Fprintf(conn, `{"mosha":%d,"op":"stop"}`+"\n", protocolVersion+1)
	select {
	case <-l.stopped:
	case <-time.After(5 * time.Minute):
		t.Error("a client of another version cannot stop the keeper")
	}
}

// TestOlderKeeper: what an older keeper answers reaches the caller as what it
// is.
func TestOlderKeeper(t *testing.T) {
	spec := spareSpec(t)
	listener, err := Listen(spec.dir().Socket())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		w := newWire(conn)
		defer w.Close()
		var c Call
		_ = w.receive(&c)
		fmt.Fprintf(conn, `{"error":{"text":"x","type":"keeper.VersionError","data":{"Keeper":%d,"Client":%d}}}`+"\n", protocolVersion-1, c.Version)
	}()
	_, err = StatusOf(t.Context(), spec.Dirs, spec.ID())
	var told *VersionError
	if !errors.As(err, &told) || told.Keeper != protocolVersion-1 || told.Client != protocolVersion {
		t.Errorf("an older keeper: %v", err)
	}
}

// TestSilentKeeper: one that was stopped by a signal accepts, since the kernel
// does, and says nothing.
func TestSilentKeeper(t *testing.T) {
	spec := spareSpec(t)
	listener, err := Listen(spec.dir().Socket())
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = conn.Read(make([]byte, 1)) // the question is there
		cancel()
		<-t.Context().Done()
	}()
	_, err = StatusOf(ctx, spec.Dirs, spec.ID())
	var silent *SilentError
	if !errors.As(err, &silent) || silent.Log != spec.Dirs.Log(spec.ID()) {
		t.Errorf("a silent keeper: %v", err)
	}
}
