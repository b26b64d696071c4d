package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestCheckPeer(t *testing.T) {
	ours, _ := socketPair(t)
	if err := checkPeer(ours, os.Getuid()); err != nil {
		t.Errorf("our own process: %v", err)
	}
	if err := checkPeer(ours, os.Getuid()+1); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("user %d ", os.Getuid())) {
		t.Errorf("another user's: %v", err)
	}
	pipe, _ := net.Pipe()
	if err := checkPeer(pipe, os.Getuid()); err == nil {
		t.Error("what has no user is taken for ours")
	}
}

// asUser runs f on a thread whose user is another one. Only root may do so.
func asUser(t *testing.T, uid int, f func()) {
	t.Helper()
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uintptr(uid), ^uintptr(0))
		if errno != 0 {
			failed <- errno
			return
		}
		f()
		failed <- nil
	}()
	if err := <-failed; err != nil {
		t.Fatalf("becoming another user needs root: %v", err)
	}
}

// TestStranger: another user's process that gets to the socket, past the
// directories' modes, is sent away before it is listened to.
func TestStranger(t *testing.T) {
	l := listenForTest(t)
	for path, mode := range map[string]os.FileMode{l.spec.Dirs.Runtime: 0o755, filepath.Dir(l.path()): 0o755, l.path(): 0o777} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	var said []byte
	asUser(t, 65534, func() {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0) // not by package net, which changes threads
		if err != nil {
			t.Error(err)
			return
		}
		if err := unix.Connect(fd, &unix.SockaddrUnix{Name: l.path()}); err != nil {
			t.Error(err)
		}
		file := os.NewFile(uintptr(fd), "stranger")
		defer file.Close()
		_, _ = file.WriteString(`{"mosha":4,"op":"status"}` + "\n")
		said, _ = io.ReadAll(file)
	})
	if len(said) > 0 {
		t.Errorf("a stranger was told %s", said)
	}
	l.honest()
}

// TestFullQueue: where the queue for a place on the socket is full, the client
// waits instead of taking the keeper for dead.
func TestFullQueue(t *testing.T) {
	spec := spareSpec(t)
	path := spec.dir().Socket()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	first, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := net.Dial("unix", path); !errors.Is(err, unix.EAGAIN) {
		t.Fatalf("the queue is not full: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*dialRest)
	defer cancel()
	var silent *SilentError
	if _, err := Connect(ctx, spec.Dirs, spec.ID()); !errors.As(err, &silent) {
		t.Errorf("a queue that stays full: %v", err)
	}
	time.AfterFunc(3*dialRest, func() {
		if served, _, err := unix.Accept(fd); err == nil {
			_ = unix.Close(served)
		}
	})
	client, err := Connect(t.Context(), spec.Dirs, spec.ID())
	if err != nil {
		t.Fatalf("a queue that moves: %v", err)
	}
	client.Close()
}

// TestStatusJSON: the names and forms that scripts rely on.
func TestStatusJSON(t *testing.T) {
	s := Status{
		Destination: "devbox", HostName: "devbox.example", User: "me", Port: 22,
		State: Waiting, Since: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Lost: 61.5, Retry: 1.25, Trip: 0.052,
		Sessions: 2, Kept: true, Reconnects: 3, Requests: 40, Signatures: 12, Link: "own",
		Transport: "openssh", Reason: "r", Problems: []string{"p"}, Log: "/log",
	}
	got, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"destination":"devbox","host_name":"devbox.example","user":"me","port":22,` +
		`"state":"waiting","since":"2026-01-02T03:04:05Z","lost_for":61.5,"retry_in":1.25,"round_trip":0.052,` +
		`"sessions":2,"kept":true,"reconnects":3,"agent_requests":40,"agent_signatures":12,"link":"own",` +
		`"transport":"openssh","transport_reason":"r","problems":["p"],"log":"/log"}`
	if string(got) != want {
		t.Errorf("is\n%s\nwant\n%s", got, want)
	}
}
