package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is the one that this process was started on. It is put back as it
// was however a question ends: answered, interrupted, stopped, or void.
//
//	         question                  line
//	idle ------------------> asking ----------> answered
//	                          |  ^ \
//	     ^Z: restored, stopped|  |  \ ^C, SIGTERM ...: restored, and the signal again
//	                          v  | fg
//	                         stopped
type terminal struct {
	file *os.File
	in   int // another descriptor of it, to read from without blocking

	mu     sync.Mutex
	prompt string // the last line of the question that is open
}

// console is this process's.
var console terminal

// open finds the terminal. The error says that there is none.
func (t *terminal) open() error { return t.openAt("/dev/tty") }

func (t *terminal) openAt(path string) error {
	if t.file != nil {
		return nil
	}
	const mode = unix.O_NOCTTY | unix.O_CLOEXEC
	out, err := unix.Open(path, unix.O_RDWR|mode, 0)
	if err != nil {
		return errNoTTY
	}
	in, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|mode, 0)
	if err != nil {
		_ = unix.Close(out)
		return errNoTTY
	}
	t.file, t.in = os.NewFile(uintptr(out), path), in
	return nil
}

// heeded are the signals that must not find the terminal as a question needs
// it, but for those that are ignored, as by nohup.
func heeded() []os.Signal {
	all := []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGTSTP}
	return slices.DeleteFunc(all, signal.Ignored)
}

// signalError says which signal ended a question that leaves signals to whoever
// asks it.
type signalError struct{ Signal syscall.Signal }

func (e *signalError) Error() string { return e.Signal.String() }

// wait calls tell, which says that Enter is waited for, and waits for it, for so
// long at most, or not where there is no terminal. The error is a *signalError
// if a signal came instead, be it while tell was at it.
func (t *terminal) wait(limit time.Duration, tell func()) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	typed, err := t.ask(ctx, asked{leave: true, tell: tell})
	clear(typed)
	var came *signalError
	if errors.As(err, &came) {
		return came
	}
	return nil
}

// ask shows the question and returns the line that is typed. What was typed
// before the question is dropped, as ssh does.
func (t *terminal) ask(ctx context.Context, q asked) ([]byte, error) {
	if err := t.open(); err != nil {
		return nil, err
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, heeded()...)
	defer signal.Stop(signals)
	text := q.before + q.text
	for {
		got, s := t.put(ctx, signals, text, q)
		if s == nil {
			return got.text, got.err
		}
		t.newline()
		if q.leave && s != unix.SIGTSTP {
			return nil, &signalError{s.(syscall.Signal)}
		}
		obey(s.(syscall.Signal))
		text = q.text
	}
}

// put shows the question once and waits for the line, or the signal that came
// before it.
func (t *terminal) put(ctx context.Context, signals <-chan os.Signal, text string, q asked) (typed, os.Signal) {
	defer t.show(text, q)()
	line, stop, err := t.listen()
	if err != nil {
		return typed{err: err}, nil
	}
	defer stop()
	select {
	case got := <-line:
		if errors.Is(got.err, errGone) {
			if !signal.Ignored(unix.SIGHUP) {
				return typed{}, unix.SIGHUP
			}
			got.err = errNoAnswer
		}
		if got.err != nil || !q.echo {
			t.newline()
		}
		return got, nil
	case s := <-signals:
		return typed{}, s
	case <-ctx.Done():
		t.newline()
		return typed{err: errNoAnswer}, nil
	}
}

// show prepares the terminal and writes the question.
func (t *terminal) show(text string, q asked) (restore func()) {
	fd := int(t.file.Fd())
	before, err := unix.IoctlGetTermios(fd, ioctlGetTermios)
	if err == nil {
		asking := *before
		if !q.echo {
			asking.Lflag &^= unix.ECHO | unix.ECHONL
		}
		asking.Lflag |= unix.ICANON | unix.ISIG
		_ = unix.IoctlSetTermios(fd, ioctlSetTermiosFlush, &asking)
	}
	if q.tell != nil {
		q.tell()
	}
	t.mu.Lock()
	_, _ = t.file.WriteString(text)
	t.prompt = text[strings.LastIndexByte(text, '\n')+1:]
	t.mu.Unlock()
	return func() {
		t.mu.Lock()
		t.prompt = ""
		t.mu.Unlock()
		if before != nil {
			_ = unix.IoctlSetTermios(fd, ioctlSetTermios, before)
		}
	}
}

// aside has something written while a question may be open, which is then put
// below it again. What was typed of an answer that is seen counts, though it is
// seen no more.
func (t *terminal) aside(write func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.prompt == "" {
		write()
		return
	}
	_, _ = t.file.WriteString("\r\x1b[K")
	write()
	_, _ = t.file.WriteString(t.prompt)
}

func (t *terminal) newline() { _, _ = t.file.WriteString("\n") }

// obey does what the signal does by default. It returns only after a stop.
func obey(s syscall.Signal) {
	if s == unix.SIGTSTP {
		suspend()
		return
	}
	signal.Reset(s)
	_ = syscall.Kill(os.Getpid(), s)
	time.Sleep(signalGrace)
	os.Exit(128 + int(s))
}

// suspend stops this process as ^Z does, and returns when it goes on. Go's runtime
// drops a SIGTSTP once it was asked for. A stop takes effect a moment after the
// call, which other threads could use.
func suspend() {
	resumed := make(chan os.Signal, 1)
	signal.Notify(resumed, unix.SIGCONT)
	defer signal.Stop(resumed)
	_ = syscall.Kill(os.Getpid(), unix.SIGSTOP)
	<-resumed
}

// signalGrace is how long a signal to ourselves may take to come.
const signalGrace = 200 * time.Millisecond
