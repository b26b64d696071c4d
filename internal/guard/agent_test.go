package guard

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
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

	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// shortDir returns a directory whose name leaves room for a socket's in 104
// bytes; t.TempDir's may not.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "guard")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// startAgent runs a real ssh-agent for the length of the test and returns its
// process and its socket.
func startAgent(t *testing.T) (*exec.Cmd, string) {
	t.Helper()
	socket := filepath.Join(shortDir(t), "agent")
	cmd := exec.Command("ssh-agent", "-D", "-a", socket)
	startAgentCommand(t, cmd)
	return cmd, socket
}

func startAgentCommand(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	// It prints how to reach it once it listens.
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatalf("ssh-agent: %v", err)
	}
}

func dialer(socket string) Dial {
	return func(ctx context.Context) (net.Conn, string, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unix", socket)
		return conn, socket, err
	}
}

// guarded returns a socket of which every connection is served as an agent
// channel, as sshd's is on a remote host.
func guarded(t *testing.T, dial Dial, bind []byte) string {
	t.Helper()
	path := filepath.Join(shortDir(t), "remote")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	guard := New(dial, zerolog.New(zerolog.NewTestWriter(t)))
	var channels sync.WaitGroup
	channels.Go(func() {
		for {
			channel, err := listener.Accept()
			if err != nil {
				return
			}
			channels.Go(func() { _ = guard.Serve(t.Context(), channel, bind) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		channels.Wait()
		guard.End() // it logs no more
	})
	return path
}

// run executes a program with the agent at socket and returns its output and
// its exit status.
func run(t *testing.T, socket, name string, arg ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, arg...)
	cmd.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func mustRun(t *testing.T, socket, name string, arg ...string) string {
	t.Helper()
	out, status := run(t, socket, name, arg...)
	if status != 0 {
		t.Fatalf("%s %s: exit status %d: %s", name, strings.Join(arg, " "), status, out)
	}
	return out
}

// newKeyFile makes a key with ssh-keygen and returns its file.
func newKeyFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	mustRun(t, "", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test key", "-f", file)
	return file
}

func TestProgramsThroughGuard(t *testing.T) {
	_, local := startAgent(t)
	remote := guarded(t, dialer(local), nil)
	key := newKeyFile(t)

	if out, status := run(t, remote, "ssh-add", "-l"); status != 1 || !strings.Contains(out, "no identities") {
		t.Errorf("empty agent: status %d, %s", status, out)
	}
	mustRun(t, local, "ssh-add", key)
	if out := mustRun(t, remote, "ssh-add", "-l"); !strings.Contains(out, "test key") {
		t.Errorf("key is not listed: %s", out)
	}
	if err := os.Remove(key); err != nil { // only the agent can sign now
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(data, []byte("to be signed"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustRun(t, remote, "ssh-keygen", "-Y", "sign", "-n", "file", "-f", key+".pub", data)
	mustRun(t, "", "sh", "-c", `ssh-keygen -Y check-novalidate -n file -s "$1.sig" <"$1"`, "sh", data)
}

// Programs on the remote host must end at once, with a message and not by
// SIGPIPE, when there is no agent here.
func TestProgramsWithoutAgent(t *testing.T) {
	remote := guarded(t, dialer(filepath.Join(t.TempDir(), "none")), nil)
	for range 20 { // a closed channel would race with the client's request
		if out, status := run(t, remote, "ssh-add", "-l"); status != 1 || !strings.Contains(out, "agent refused operation") {
			t.Fatalf("ssh-add -l: status %d, %q", status, out)
		}
	}
}

func TestAgentKilled(t *testing.T) {
	process, local := startAgent(t)
	client, channel := net.Pipe()
	ended := make(chan error)
	go func() {
		err := New(dialer(local), zerolog.Nop()).Serve(t.Context(), channel, nil)
		ended <- err
	}()
	send(t, client, 11)
	expect(t, client, 12, 0, 0, 0, 0)
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = process.Wait()
	send(t, client, 11)
	var e *Error
	if err := <-ended; !errors.As(err, &e) || e.Side != Agent {
		t.Errorf("error is %v, want one of the agent", err)
	}
}

// agents are of the kinds that this must hold for: OpenSSH's, which knows
// session-bind, GnuPG's and one of x/crypto, which do not, and some that have
// other ways to say so.
func agents(t *testing.T) map[string]Dial {
	_, socket := startAgent(t)
	found := map[string]Dial{"ssh-agent": dialer(socket), "gpg-agent": dialer(startGPGAgent(t))}
	for name, refusal := range map[string][]byte{
		"unknown, failure":                  {agentFailure},
		"unknown, failure of the extension": {agentExtensionFailure},
		"unknown, no answer of a protocol":  {99, 1, 2, 3},
		"unknown, a list":                   {agentIDsAnswer, 0, 0, 0, 0},
	} {
		keyring := agent.NewKeyring()
		found[name] = dialer(serveSocket(t, func(c net.Conn) { serveKeyring(keyring, c, refusal) }))
	}
	return found
}

// serveKeyring serves a keyring that answers session-bind in its own way.
func serveKeyring(keyring agent.Agent, conn net.Conn, refusal []byte) {
	inside, outside := net.Pipe()
	defer outside.Close()
	go func() { _ = agent.ServeAgent(keyring, inside) }()
	var f frame
	for f.read(conn) == nil {
		if f.isSessionBind() {
			f.set(refusal...)
		} else if f.write(outside) != nil || f.read(outside) != nil {
			return
		}
		if f.write(conn) != nil {
			return
		}
	}
}

// serveSocket returns a socket of which every connection is served by script.
func serveSocket(t *testing.T, script func(net.Conn)) string {
	t.Helper()
	path := filepath.Join(shortDir(t), "agent")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				script(conn)
			}()
		}
	}()
	return path
}

// startGPGAgent runs a real gpg-agent for the length of the test and returns
// its socket for ssh. It asks a pinentry of the test's for the passphrase of a
// key.
func startGPGAgent(t *testing.T) string {
	t.Helper()
	home := shortDir(t)
	pinentry := filepath.Join(home, "pinentry")
	script := "#!/bin/sh\necho OK\nwhile read -r word rest; do case $word in GETPIN) echo 'D a passphrase';; esac; echo OK; done\n"
	labtest.Program(t, pinentry, script)
	gpgconf := func(arg ...string) string {
		out, err := exec.Command("gpgconf", append([]string{"--homedir", home}, arg...)...).Output()
		if err != nil {
			t.Fatalf("gpgconf %v: %v", arg, err)
		}
		return strings.TrimSpace(string(out))
	}
	// It keeps its outputs open, so nobody may wait for what it says.
	if err := exec.Command("gpg-agent", "--homedir", home, "--daemon", "--enable-ssh-support", "--pinentry-program", pinentry, "--s2k-count", "65536").Run(); err != nil {
		t.Fatalf("gpg-agent: %v", err)
	}
	t.Cleanup(func() { gpgconf("--kill", "gpg-agent") })
	return gpgconf("--list-dirs", "agent-ssh-socket")
}

func TestContract(t *testing.T) {
	for name, dial := range agents(t) {
		t.Run(name, func(t *testing.T) {
			key := addKey(t, dial)
			client, end := dialThrough(t, dial, newHost(t).bind(t))
			defer end()
			if keys, err := client.List(); err != nil || len(keys) != 1 || !bytes.Equal(keys[0].Blob, key.Marshal()) {
				t.Fatalf("list: %v, %v", keys, err)
			}
			sizes := []int{0, 32, 8 * 1024, 200 * 1024}
			if name == "gpg-agent" {
				sizes = sizes[:3] // it takes no more
			}
			for _, size := range sizes {
				data := make([]byte, size)
				signature, err := client.Sign(key, data)
				if err != nil {
					t.Fatalf("sign %d bytes: %v", size, err)
				}
				if err := key.Verify(data, signature); err != nil {
					t.Errorf("sign %d bytes: %v", size, err)
				}
			}
			if _, err := client.Extension("none@example.com", nil); !errors.Is(err, agent.ErrExtensionUnsupported) {
				t.Errorf("unknown extension: %v", err)
			}
			if err := client.Remove(key); err != nil {
				t.Errorf("remove: %v", err)
			}
			left := 0
			if name == "gpg-agent" {
				left = 1 // it keeps what it was told to remove
			}
			if keys, err := client.List(); err != nil || len(keys) != left {
				t.Errorf("list after remove: %v, %v", keys, err)
			}
		})
	}
}

// addKey puts a new key into the agent, without the guard.
func addKey(t *testing.T, dial Dial) ssh.PublicKey {
	t.Helper()
	conn, _, err := dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := agent.NewClient(conn).Add(agent.AddedKey{PrivateKey: private, Comment: "test key"}); err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// dialThrough returns a client of a guarded channel, and a function that ends
// it.
func dialThrough(t *testing.T, dial Dial, bind []byte) (agent.ExtendedAgent, func()) {
	return New(dial, zerolog.Nop()).dialThrough(t, bind)
}

func (g *Guard) dialThrough(t *testing.T, bind []byte) (agent.ExtendedAgent, func()) {
	client, channel := net.Pipe()
	done := make(chan error, 1)
	go func() {
		err := g.Serve(t.Context(), channel, bind)
		done <- err
	}()
	return agent.NewClient(client), func() {
		client.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestThousandChannels(t *testing.T) {
	all := agents(t)
	for _, name := range []string{"ssh-agent", "unknown, failure"} {
		t.Run(name, func(t *testing.T) {
			dial := all[name]
			key := addKey(t, dial)
			bind := newHost(t).bind(t)
			// The queue of ssh-agent holds 128 connections, and how long it
			// takes to drain is the machine's affair.
			connected := make(chan struct{}, 100)
			var clients sync.WaitGroup
			for range 1000 {
				client, end := dialThrough(t, dial, bind)
				clients.Go(func() {
					connected <- struct{}{}
					listAndSign(t, client, key)
					end()
					<-connected
				})
			}
			clients.Wait()
		})
	}
}

func listAndSign(t *testing.T, client agent.Agent, key ssh.PublicKey) {
	t.Helper()
	if keys, err := client.List(); err != nil || len(keys) != 1 {
		t.Errorf("list: %v, %v", keys, err)
	}
	data := []byte(rand.Text())
	signature, err := client.Sign(key, data)
	if err != nil {
		t.Errorf("sign: %v", err)
	} else if err := key.Verify(data, signature); err != nil {
		t.Errorf("sign: %v", err)
	}
}
