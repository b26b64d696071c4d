package keeper

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
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
	spec := control.Spec{Dirs: rundir.Dirs{Runtime: base, State: base}, Config: &sshconfig.Config{Dest: "devbox", HostName: "devbox.example", User: "me", Port: 22}}
	if err := spec.Dirs.Of(spec.ID()).Make(); err != nil {
		t.Fatal(err)
	}
	return newKeeper(saved{Spec: spec}, zerolog.Nop())
}

// listenForTest serves a keeper's socket until the test ends.
func listenForTest(t *testing.T) *listening {
	t.Helper()
	l := &listening{t: t, k: spareKeeper(t)}
	l.dirs, l.id = l.k.spec.Dirs, l.k.spec.ID()
	listener, err := control.Listen(l.path())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() { l.k.server().Serve(ctx, listener) })
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
	conn, err := net.Dial("unix", l.path())
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = conn.Close() })
	return conn.(*net.UnixConn)
}

// honest asks for the status as mosha does.
func (l *listening) honest() {
	l.t.Helper()
	status, err := control.StatusOf(context.Background(), l.dirs, l.id)
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
		"a number too large":      {`{"mosha":4e99,"op":"status"}` + "\n", ""},
		"megabytes without end":   {long, ""},
		"megabytes, then an end":  {`{"mosha":4,"op":"` + long + "\"}\n", ""},
		"deeply nested":           {strings.Repeat("[", 64<<10-1) + "\n", ""},
		"no version":              {`{"op":"status"}` + "\n", "keeper.VersionError"},
		"nothing wanted":          {`{"mosha":4}` + "\n", "unknown call"},
		"unknown call":            {`{"mosha":4,"op":"reboot"}` + "\n", "unknown call"},
		"for another destination": {`{"mosha":4,"op":"attach","attach":{"config":{"HostName":"other"}}}` + "\n", "unknown call"},
		"an attach without form":  {`{"mosha":4,"op":"attach"}` + "\n", "unknown call"},
		"a start without form":    {`{"mosha":4,"op":"start","start":null}` + "\n", "unknown call"},
	} {
		t.Run(name, func(t *testing.T) {
			l := listenForTest(t)
			conn := l.dial()
			if _, err := conn.Write([]byte(c.say)); err != nil && len(c.say) < 1<<20 {
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
		"two calls":  strings.Repeat(`{"mosha":4,"op":"lease","lease":"../../x"}`+"\n", 2),
		"many calls": strings.Repeat(`{"mosha":4,"op":"lease","lease":"../../x"}`+"\n", 10000),
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
	_, _ = conn.Write([]byte(`{"mosha":4,"op":"keep"}` + "\n"))
	_ = conn.Close()
	l.left()
}

// attach has the keeper count a client.
func (l *listening) attach(conn net.Conn) {
	l.t.Helper()
	if _, err := conn.Write([]byte(`{"mosha":4,"op":"attach","attach":{}}` + "\n")); err != nil {
		l.t.Fatal(err)
	}
	l.counted(1)
}

// left waits until the keeper counts no client any more.
func (l *listening) left() { l.counted(0) }

func (l *listening) counted(n int) {
	l.t.Helper()
	if !l.k.until(l.t.Context(), 5*time.Minute, func() bool { return l.k.clients.attached == n && l.k.clients.askable == n }) {
		l.t.Fatalf("the keeper does not come to count %d clients", n)
	}
}

// FuzzControl: whatever a client sends, the conversation ends when it leaves,
// and the keeper lives.
func FuzzControl(f *testing.F) {
	for _, seed := range []string{
		"", "\n", "{}\n", `{"mosha":4}`, `{"mosha":2,"op":"status"}` + "\n", `{"mosha":4,"op":"status"}` + "\n",
		`{"mosha":4,"op":"stop"}` + "\n", `{"mosha":4,"op":"setup"}` + "\n",
		`{"mosha":4,"op":"attach","attach":{"config":{"HostName":"devbox.example","User":"me","Port":22},"session":true}}` + "\n",
		`{"mosha":4,"op":"attach","attach":{"agent_socket":"/x","session":true,"linger":-1}}` + "\n" + `{"mosha":4,"op":"answer","answer":{"number":1,"ok":true,"lengths":[3]}}` + "\nyes",
		`{"mosha":4,"op":"attach","attach":{}}` + "\n" + `{"mosha":4,"op":"lease","lease":"AAAAAAAAAAAAAAAAAAAAAAAAAA"}` + "\n" + `{"mosha":4,"op":"keep"}` + "\n",
		`{"mosha":4,"op":"start","start":{"command":"mosh-server new","pty":{"Term":"xterm","Columns":80,"Rows":24}}}` + "\n",
	} {
		f.Add([]byte(seed))
	}
	k := spareKeeper(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		ours, theirs := net.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _, _ = k.questions.hostKey(ctx, sshconn.HostKeyQuestion{Host: "devbox"}) }()
		done := make(chan struct{})
		go func() {
			defer close(done)
			k.server().Converse(ctx, ours, func() {})
		}()
		go func() { _, _ = io.Copy(io.Discard, theirs) }()
		_, _ = theirs.Write(data) // the keeper may have left already
		_ = theirs.Close()
		select {
		case <-done:
		case <-time.After(5 * time.Minute):
			t.Fatal("the conversation goes on")
		}
		if k.clients.attached != 0 || k.clients.askable != 0 {
			t.Fatalf("%d clients are counted still", k.clients.attached)
		}
	})
}
