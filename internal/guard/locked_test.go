package guard

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// lockable is a real ssh-agent that may load libraries from a directory, what
// it says, and whether it began to load one.
type lockable struct {
	t       *testing.T
	socket  string
	library string
	loaded  string // a file that is there once the program was started that loads libraries for PKCS#11
	owner   agent.ExtendedAgent
}

func newLockable(t *testing.T) *lockable {
	t.Helper()
	dir := shortDir(t)
	l := &lockable{t: t, socket: filepath.Join(dir, "agent"), library: filepath.Join(dir, "library.so"), loaded: filepath.Join(dir, "loaded")}
	helper := filepath.Join(dir, "helper")
	for path, content := range map[string]string{l.library: "", helper: "#!/bin/sh\n: >" + l.loaded + "\n"} {
		labtest.Program(t, path, content)
	}
	cmd := exec.Command("ssh-agent", "-D", "-a", l.socket, "-P", dir+"/*")
	cmd.Env = append(os.Environ(), "SSH_PKCS11_HELPER="+helper)
	startAgentCommand(t, cmd)
	conn, err := net.Dial("unix", l.socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	l.owner = agent.NewClient(conn)
	return l
}

func (l *lockable) lock()   { l.must(l.owner.Lock([]byte("secret"))) }
func (l *lockable) unlock() { l.must(l.owner.Unlock([]byte("secret"))) }

func (l *lockable) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Error(err)
	}
}

// addConstrained puts a key into the agent that may only be used from here.
func (l *lockable) addConstrained() {
	l.t.Helper()
	hosts := filepath.Join(l.t.TempDir(), "known_hosts")
	if err := os.WriteFile(hosts, []byte(knownhosts.Line([]string{"far"}, newHost(l.t).PublicKey())), 0o600); err != nil {
		l.t.Fatal(err)
	}
	mustRun(l.t, l.socket, "ssh-add", "-H", hosts, "-h", "far", newKeyFile(l.t))
}

// libraryRequests are those that would make the agent load the library.
func (l *lockable) libraryRequests() map[string][]byte {
	card := ssh.Marshal(struct{ Provider, PIN string }{l.library, ""})
	key := ssh.Marshal(struct {
		Type        string
		Public      []byte
		Application string
		Flags       byte
		Handle      string
		Reserved    string
		Comment     string
		Constraint  byte
		Name        string
		Provider    string
	}{"sk-ssh-ed25519@openssh.com", make([]byte, 32), "ssh:", 1, "handle", "", "", 255, "sk-provider@openssh.com", l.library})
	return map[string][]byte{
		"smartcard":                  append([]byte{20}, card...),
		"smartcard with constraints": append(append([]byte{26}, card...), 2), // confirm
		"key":                        append([]byte{17}, key...),
		"key with constraints":       append([]byte{25}, key...),
	}
}

// raw puts a request to whoever listens at socket, and returns its answer's
// type.
func raw(t *testing.T, conn net.Conn, request []byte) byte {
	t.Helper()
	send(t, conn, request...)
	var f frame
	if err := f.read(conn); err != nil {
		t.Fatal(err)
	}
	return f.messageType()
}

// reached reports whether a request for a library has reached the agent: its
// program was started, or it has a key of it.
func (l *lockable) reached() bool {
	l.t.Helper()
	keys, err := l.owner.List()
	l.must(err)
	_, err = os.Stat(l.loaded)
	return err == nil || len(keys) > 0
}

// TestLibraryRequests: an agent that takes them from here gets none of them
// from a remote, bound, locked or not, over either transport.
func TestLibraryRequests(t *testing.T) {
	for name := range newLockable(t).libraryRequests() {
		t.Run(name, func(t *testing.T) {
			l := newLockable(t)
			request := l.libraryRequests()[name]
			for _, bind := range [][]byte{newHost(t).bind(t), nil} {
				remote := dialSocket(t, guarded(t, dialer(l.socket), bind))
				for _, act := range []func(){func() {}, l.lock, l.unlock} {
					act()
					if answer := raw(t, remote, request); answer != agentFailure {
						t.Errorf("answered with %d", answer)
					}
				}
			}
			if l.reached() {
				t.Error("the request has reached the agent")
			}
			raw(t, dialSocket(t, l.socket), request)
			if !l.reached() {
				t.Error("this agent does not take the request even from here, so this test has no meaning")
			}
		})
	}
}

func dialSocket(t *testing.T, path string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// getsNothing asks for all that a remote may not have, and closes the channel.
func (l *lockable) getsNothing(client net.Conn) {
	l.t.Helper()
	defer client.Close()
	for name, request := range l.libraryRequests() {
		if answer := raw(l.t, client, request); answer != agentFailure {
			l.t.Errorf("%s: answered with %d", name, answer)
		}
	}
	for range 10 {
		send(l.t, client, agentcRequestIDs)
		var f frame
		if err := f.read(client); err != nil {
			l.t.Fatal(err)
		}
		if f.messageType() != agentFailure && !bytes.Equal(f.body(), none) {
			l.t.Errorf("the agent showed %q", f.body())
		}
	}
}

// lockTries is how often a remote tries to get something of an agent that is
// locked and unlocked meanwhile.
const lockTries = 40

// TestLockedAndUnlocked locks and unlocks an agent as fast as it can
// while a remote asks for a key that it may not see, and for a library. The
// agent takes the asker for a local one when it has refused a session-bind.
func TestLockedAndUnlocked(t *testing.T) {
	l := newLockable(t)
	l.addConstrained()
	bind := newHost(t).bind(t)
	guard := New(dialer(l.socket), zerolog.New(zerolog.NewTestWriter(t)))
	if keys, err := guard.Look(t.Context(), l.socket); err != nil || keys != 1 {
		t.Fatalf("%d keys, %v", keys, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var toggling, channels sync.WaitGroup
	defer guard.End()
	defer channels.Wait()
	toggling.Go(func() {
		for ctx.Err() == nil {
			l.lock()
			l.unlock()
		}
	})
	for range lockTries {
		client, channel := net.Pipe()
		channels.Go(func() { _ = guard.Serve(t.Context(), channel, bind) })
		l.getsNothing(client)
	}
	cancel()
	toggling.Wait()
	if _, err := os.Stat(l.loaded); err == nil {
		t.Error("a library was to be loaded")
	}
}

// TestLockedAgentKnown: of an agent that was bound before and refuses that,
// since it is locked, nothing is had; it serves the same channel, bound, when
// it is unlocked.
func TestLockedAgentKnown(t *testing.T) {
	l := newLockable(t)
	key := newKeyFile(t)
	mustRun(t, l.socket, "ssh-add", key)
	l.addConstrained()
	remote := guarded(t, dialer(l.socket), newHost(t).bind(t))
	list := func() (string, int) { return run(t, remote, "ssh-add", "-l") }
	seesOne := func() {
		t.Helper()
		if out, status := list(); status != 0 || strings.Count(out, "test key") != 1 {
			t.Errorf("status %d, %s, want one of the two keys", status, out)
		}
	}
	seesOne()
	open := dialSocket(t, remote)
	l.lock()
	said, answer := "agent refused operation", byte(agentFailure)
	if takesIt, err := bindSession(dialSocket(t, l.socket), newHost(t).bind(t)); err != nil {
		t.Fatal(err)
	} else if takesIt { // as from August 2026 on
		said, answer = "no identities", agentIDsAnswer
	}
	if out, status := list(); status != 1 || !strings.Contains(out, said) {
		t.Errorf("while locked: status %d, %s", status, out)
	}
	for range 3 {
		if got := raw(t, open, []byte{agentcRequestIDs}); got != answer {
			t.Errorf("while locked: answered with %d", got)
		}
	}
	l.unlock()
	seesOne()
	if keys, err := agent.NewClient(open).List(); err != nil || len(keys) != 1 {
		t.Errorf("on the channel that was open: %v, %v", keys, err)
	}
}

// TestAgentReplaced: what is known of an agent does not hold for another at the
// same path.
func TestAgentReplaced(t *testing.T) {
	l := newLockable(t)
	guard := New(dialer(l.socket), zerolog.Nop())
	if _, err := guard.Look(t.Context(), l.socket); err != nil {
		t.Fatal(err)
	}
	keyring := agent.NewKeyring()
	other := serveSocket(t, func(c net.Conn) { _ = agent.ServeAgent(keyring, c) })
	key := addKey(t, dialer(other))
	if err := os.Rename(other, l.socket); err != nil {
		t.Fatal(err)
	}
	client, end := guard.dialThrough(t, newHost(t).bind(t))
	defer end()
	listAndSign(t, client, key)
}
