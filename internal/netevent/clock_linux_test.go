package netevent

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// childEnv makes this program watch and write what happens; "poor" is without
// any descriptor to do so.
const childEnv = "MOSHA_NETEVENT_CHILD"

func TestMain(m *testing.M) {
	if kind, ok := os.LookupEnv(childEnv); ok {
		child(kind == "poor")
		return
	}
	os.Exit(m.Run())
}

func child(poor bool) {
	if poor {
		if r, _, err := os.Pipe(); err != nil || r.SetDeadline(time.Now()) != nil {
			panic("Go's poller has no descriptors yet")
		}
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{}); err != nil {
			panic(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	events := Watch(ctx, zerolog.New(os.Stdout))
	go func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	fmt.Println("watching")
	for e := range events {
		if e.Wake {
			fmt.Println("wake")
		}
	}
	fmt.Println("ended")
}

// watcher is a process that watches.
type watcher struct {
	process *os.Process
	stdin   io.Closer
	out     *bufio.Scanner
}

func startWatcher(t *testing.T, kind string) *watcher {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // a test's own ends before its Cleanup
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+kind)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	check(t, err)
	stdout, err := cmd.StdoutPipe()
	check(t, err)
	t.Cleanup(cancel)
	check(t, cmd.Start())
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the watcher: %v", err)
		}
	})
	return &watcher{cmd.Process, stdin, bufio.NewScanner(stdout)}
}

// until reads lines until the one that is wanted and returns those before it.
func (w *watcher) until(t *testing.T, want string) (before []string) {
	t.Helper()
	for w.out.Scan() {
		if w.out.Text() == want {
			return before
		}
		before = append(before, w.out.Text())
	}
	t.Fatalf("no %q after %q", want, before)
	return nil
}

// stopAndContinue returns when the process has been stopped and is told to go
// on.
func (w *watcher) stopAndContinue(t *testing.T) {
	t.Helper()
	check(t, w.process.Signal(unix.SIGSTOP))
	var status unix.WaitStatus
	if _, err := unix.Wait4(w.process.Pid, &status, unix.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("the watcher is not stopped: %v, %#x", err, status)
	}
	check(t, w.process.Signal(unix.SIGCONT))
}

func TestStoppedProcessWakes(t *testing.T) {
	t.Parallel()
	w := startWatcher(t, "")
	if said := w.until(t, "watching"); said != nil {
		t.Errorf("it logged %q", said)
	}
	for range 2 {
		w.stopAndContinue(t)
		w.until(t, "wake")
	}
}

func TestWatchGoesOnWithWhatWorks(t *testing.T) {
	t.Parallel()
	w := startWatcher(t, "poor")
	logged := w.until(t, "watching")
	if len(logged) != 2 || !strings.Contains(logged[0], "network") || !strings.Contains(logged[1], "clock") {
		t.Errorf("it logged %q, want one line of the network and one of the clock", logged)
	}
	w.stopAndContinue(t)
	if more := w.until(t, "wake"); more != nil {
		t.Errorf("then it logged %q", more)
	}
	w.stdin.Close()
	w.until(t, "ended")
}

// The clock is put forward by a nanosecond, twice, because the timer must stay
// armed.
func TestClockBeingSetIsTold(t *testing.T) {
	t.Parallel()
	var running sync.WaitGroup
	set, stop, err := watchSet(&running)
	check(t, err)
	for range 2 {
		_, err := unix.Adjtimex(&unix.Timex{Modes: unix.ADJ_SETOFFSET | unix.ADJ_NANO, Time: unix.Timeval{Usec: 1}})
		check(t, err)
		select {
		case <-set:
		case <-within(t).Done():
			t.Fatal("never told of")
		}
	}
	stop()
	running.Wait()
}
