//go:build linux

package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// window shows what a command prints on a terminal of its own.
type window struct {
	t    *testing.T
	tty  *os.File
	mu   sync.Mutex
	said []byte
	over chan struct{}
}

func (w *window) readAll() {
	defer close(w.over)
	chunk := make([]byte, 4096)
	for {
		n, err := w.tty.Read(chunk)
		w.mu.Lock()
		w.said = append(w.said, chunk[:n]...)
		w.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// shows waits until the pattern was printed since the last call.
func (w *window) shows(pattern string) {
	w.t.Helper()
	found := regexp.MustCompile(pattern)
	err := lab.Eventually(w.t.Context(), pattern, func() (bool, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		at := found.FindIndex(w.said)
		if at != nil {
			w.said = w.said[at[1]:]
			return true, nil
		}
		select {
		case <-w.over:
			return false, io.ErrUnexpectedEOF
		default:
			return false, nil
		}
	})
	if err != nil {
		w.t.Fatalf("%v; printed: %q", err, w.said)
	}
}

// TestDemoSaysWhereItIs: a session of the demo does not look like one's own
// shell.
func TestDemoSaysWhereItIs(t *testing.T) {
	dir := t.TempDir()
	mosha, err := lab.BuildMosha(dir)
	if err != nil {
		t.Fatal(err)
	}
	demo := filepath.Join(dir, "demo")
	if out, err := exec.Command("go", "build", "-o", demo, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), demo, mosha)
	cmd.Env = append(os.Environ(), "SHELL=/bin/bash", "TERM=xterm")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 120})
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	w := &window{t: t, tty: tty, over: make(chan struct{})}
	go w.readAll()
	kill := time.AfterFunc(5*time.Minute, func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	w.shows(`This is a mosh session of the demo`)
	w.shows(`exit ends the session and the demo`)
	w.shows(`demo:~\$ `)
	if _, err := io.WriteString(tty, "ssh-add -l\r"); err != nil {
		t.Fatal(err)
	}
	w.shows(`demo key`)
	if _, err := io.WriteString(tty, "exit\r"); err != nil {
		t.Fatal(err)
	}
	<-w.over
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v; printed: %q", err, w.said)
	}
}
