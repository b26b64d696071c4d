package keeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

// listening is a keeper without a connection whose control socket is served.
type listening struct {
	t    *testing.T
	k    *Keeper
	dirs rundir.Dirs
	id   string
}

// spareKeeper returns one whose directories are its own.
func spareKeeper(t testing.TB) *Keeper {
	t.Helper()
	base, err := os.MkdirTemp("", "mosha-") // a socket's path is short, and t.TempDir may not be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	spec := Spec{Dirs: rundir.Dirs{Runtime: base, State: base}, Config: &sshconfig.Config{Dest: "devbox", HostName: "devbox.example", User: "me", Port: 22}}
	if err := spec.Dirs.Of(spec.ID()).Make(); err != nil {
		t.Fatal(err)
	}
	return newKeeper(spec, zerolog.Nop())
}

// listenForTest serves a keeper's socket until the test ends.
func listenForTest(t *testing.T) *listening {
	t.Helper()
	l := &listening{t: t, k: spareKeeper(t)}
	l.dirs, l.id = l.k.spec.Dirs, l.k.spec.ID()
	listener, err := listenAt(l.path())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() { l.k.serveControl(ctx, listener) })
	t.Cleanup(func() {
		_ = listener.Close()
		cancel()
		served.Wait()
	})
	return l
}

func (l *listening) path() string { return l.dirs.Of(l.id).Socket() }

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
	status, err := StatusOf(context.Background(), l.dirs, l.id)
	if err != nil || status.Destination != "devbox" {
		l.t.Errorf("an honest client was told %+v, %v", status, err)
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

// open says whether the other end, of which nothing is left to read, is still there.
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

// TestRubbish: what is not of the protocol ends the conversation, at once and
// nothing else.
func TestRubbish(t *testing.T) {
	long := strings.Repeat("x", 2<<20)
	for name, c := range map[string]struct{ say, want string }{
		"a word":                  {"hello\n", ""},
		"bytes":                   {"\x00\xff\x1b[31m\r\n", ""},
		"another protocol":        {"GET / HTTP/1.1\r\n\r\n", ""},
		"an empty line":           {"\n", ""},
		"another kind of value":   {`["mosha", 1]` + "\n", ""},
		"a number too large":      {`{"mosha":2e99,"op":"status"}` + "\n", ""},
		"megabytes without end":   {long, ""},
		"megabytes, then an end":  {`{"mosha":2,"op":"` + long + "\"}\n", ""},
		"deeply nested":           {strings.Repeat("[", maxLine-1) + "\n", ""},
		"no version":              {`{"op":"status"}` + "\n", "keeper.VersionError"},
		"nothing wanted":          {`{"mosha":2}` + "\n", "unknown call"},
		"unknown call":            {`{"mosha":2,"op":"reboot"}` + "\n", "unknown call"},
		"for another destination": {`{"mosha":2,"op":"attach","attach":{"config":{"HostName":"other"}}}` + "\n", "unknown call"},
		"an attach without form":  {`{"mosha":2,"op":"attach"}` + "\n", "unknown call"},
		"a start without form":    {`{"mosha":2,"op":"start","start":null}` + "\n", "unknown call"},
	} {
		t.Run(name, func(t *testing.T) {
			l := listenForTest(t)
			conn := l.dial()
			if _, err := conn.Write([]byte(c.say)); err != nil && len(c.say) < maxCall {
				t.Fatal(err)
			}
			if said := ended(t, conn); !strings.Contains(said, c.want) || c.want == "" && said != "" {
				t.Errorf("the keeper said %q, want %q", said, c.want)
			}
			l.honest()
		})
	}
}

// TestRubbishLater: a client that began well and then sends rubbish, or too
// much, ends its own conversation.
func TestRubbishLater(t *testing.T) {
	for name, rubbish := range map[string]string{
		"a word":     "hello\n",
		"a megabyte": strings.Repeat("x", 1<<20),
		"two calls":  strings.Repeat(`{"mosha":2,"op":"lease","lease":"../../x"}`+"\n", 2),
		"many calls": strings.Repeat(`{"mosha":2,"op":"lease","lease":"../../x"}`+"\n", 10000),
	} {
		t.Run(name, func(t *testing.T) {
			l := listenForTest(t)
			conn := l.dial()
			l.attach(conn)
			_, _ = conn.Write([]byte(rubbish))
			ended(t, conn)
			l.left()
			l.honest()
		})
	}
}

// TestEarlyCall: a client that says the next thing too early, and leaves, is
// not counted for ever.
func TestEarlyCall(t *testing.T) {
	l := listenForTest(t)
	conn := l.dial()
	l.attach(conn)
	_, _ = conn.Write([]byte(`{"mosha":2,"op":"keep"}` + "\n"))
	_ = conn.Close()
	l.left()
}

// attach has the keeper count a client.
func (l *listening) attach(conn net.Conn) {
	l.t.Helper()
	if _, err := conn.Write([]byte(`{"mosha":2,"op":"attach","attach":{}}` + "\n")); err != nil {
		l.t.Fatal(err)
	}
	l.counted(1)
}

// left waits until the keeper counts no client any more.
func (l *listening) left() { l.counted(0) }

func (l *listening) counted(n int) {
	l.t.Helper()
	if !l.k.until(l.t.Context(), 5*time.Minute, func() bool { return l.k.attached == n && l.k.askable == n }) {
		l.t.Fatalf("the keeper does not come to count %d clients", n)
	}
}

// TestSilence: a client that says nothing, or half a line, or a byte now and
// then, is left after patience.
func TestSilence(t *testing.T) {
	for name, say := range map[string]func(net.Conn){
		"nothing":     func(net.Conn) {},
		"half a line": func(c net.Conn) { _, _ = c.Write([]byte(`{"mosha":2,`)) },
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
				k := newKeeper(Spec{Config: &sshconfig.Config{}}, zerolog.Nop())
				ours, theirs := net.Pipe()
				began := time.Now()
				var said sync.WaitGroup
				said.Go(func() { say(theirs) })
				k.converse(t.Context(), newWire(ours), func() { t.Error("heard what was not said") })
				if took := time.Since(began); took != patience {
					t.Errorf("it was left after %v, want %v", took, patience)
				}
				said.Wait()
			})
		})
	}
}

// TestDeafClient: one that does not take what it is told is given up.
func TestDeafClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKeeper(Spec{Config: &sshconfig.Config{}}, zerolog.Nop())
		ours, theirs := net.Pipe()
		go func() { _, _ = theirs.Write([]byte(`{"mosha":2,"op":"status"}` + "\n")) }()
		began := time.Now()
		k.converse(t.Context(), newWire(ours), func() {})
		if took := time.Since(began); took < patience || took > 2*patience {
			t.Errorf("it was given up after %v, want %v", took, patience)
		}
		synctest.Wait()
	})
}

// TestVersions: a client of another version is told so, in every call but
// stop, which has to work with all.
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
	if !l.k.until(t.Context(), 5*time.Minute, func() bool { return l.k.stopping }) {
		t.Error("a client of another version cannot stop the keeper")
	}
}

// TestOlderKeeper: what an older keeper answers reaches the caller as what it
// is.
func TestOlderKeeper(t *testing.T) {
	k := spareKeeper(t)
	listener, err := listenAt(k.spec.Dirs.Of(k.spec.ID()).Socket())
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
		var c call
		_ = w.receive(&c)
		_ = w.send(reply{Error: encodeError(&VersionError{Keeper: protocolVersion - 1, Client: c.Version})})
	}()
	_, err = StatusOf(t.Context(), k.spec.Dirs, k.spec.ID())
	var told *VersionError
	if !errors.As(err, &told) || told.Keeper != protocolVersion-1 || told.Client != protocolVersion {
		t.Errorf("an older keeper: %v", err)
	}
}

// TestSilentKeeper: one that was stopped by a signal accepts, since the kernel
// does, and says nothing.
func TestSilentKeeper(t *testing.T) {
	k := spareKeeper(t)
	listener, err := listenAt(k.spec.Dirs.Of(k.spec.ID()).Socket())
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
	_, err = StatusOf(ctx, k.spec.Dirs, k.spec.ID())
	var silent *SilentError
	if !errors.As(err, &silent) || silent.Log != k.spec.Dirs.Log(k.spec.ID()) {
		t.Errorf("a silent keeper: %v", err)
	}
}

// FuzzControl: whatever a client sends, the conversation ends when it leaves,
// and the keeper lives.
func FuzzControl(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "{}\n", `{"mosha":2}`, `{"mosha":1,"op":"status"}` + "\n", `{"mosha":2,"op":"status"}` + "\n",
		`{"mosha":2,"op":"stop"}` + "\n", `{"mosha":2,"op":"setup"}` + "\n",
		`{"mosha":2,"op":"attach","attach":{"config":{"HostName":"devbox.example","User":"me","Port":22},"session":true}}` + "\n",
		`{"mosha":2,"op":"attach","attach":{"agent_socket":"/x","session":true,"linger":-1}}` + "\n" + `{"mosha":2,"op":"answer","answer":{"number":1,"ok":true,"lengths":[3]}}` + "\nyes",
		`{"mosha":2,"op":"attach","attach":{}}` + "\n" + `{"mosha":2,"op":"lease","lease":"AAAAAAAAAAAAAAAAAAAAAAAAAA"}` + "\n" + `{"mosha":2,"op":"keep"}` + "\n",
		`{"mosha":2,"op":"start","start":{"command":"mosh-server new","pty":{"Term":"xterm","Columns":80,"Rows":24}}}` + "\n",
	} {
		f.Add([]byte(seed))
	}
	k := spareKeeper(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		ours, theirs := socketPair(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _, _ = k.askHostKey(ctx, Question{Host: "devbox"}) }()
		done := make(chan struct{})
		go func() {
			defer close(done)
			k.converse(ctx, newWire(ours), func() {})
		}()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		_, _ = theirs.Write(data) // the keeper may have left already
		_ = theirs.CloseWrite()
		select {
		case <-done:
		case <-time.After(5 * time.Minute):
			t.Fatal("the conversation goes on")
		}
		if k.attached != 0 || k.askable != 0 {
			t.Fatalf("%d clients are counted still", k.attached)
		}
		_ = theirs.Close()
	})
}
