package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/signal"
	"slices"
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
	// line has what was typed. Its reader may outlast a question that became
	// void, and then reads for the next one.
	line    chan typed
	reading bool
}

// console is this process's.
var console terminal

// typed is one line, without its end.
type typed struct {
	text []byte
	err  error
}

// open finds the terminal. The error says that there is none.
func (t *terminal) open() error {
	if t.file != nil {
		return nil
	}
	fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return errNoTTY
	}
	t.file, t.line = os.NewFile(uintptr(fd), "/dev/tty"), make(chan typed, 1)
	return nil
}

// heeded are the signals that must not find the terminal as a question needs
// it, but for those that are ignored, as by nohup.
func heeded() []os.Signal {
	all := []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT, unix.SIGTSTP}
	return slices.DeleteFunc(all, signal.Ignored)
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
	restore := t.show(q.before+q.text, q.echo)
	defer func() { restore() }()
	if !t.reading {
		t.reading = true
		go t.read()
	}
	for {
		select {
		case got := <-t.line:
			t.reading = false
			if got.err != nil || !q.echo {
				t.newline()
			}
			return got.text, got.err
		case s := <-signals:
			restore()
			t.newline()
			obey(s.(syscall.Signal))
			restore = t.show(q.text, q.echo)
		case <-ctx.Done():
			t.newline()
			return nil, errNoAnswer
		}
	}
}

// show prepares the terminal and writes the question.
func (t *terminal) show(text string, echo bool) (restore func()) {
	fd := int(t.file.Fd())
	before, err := unix.IoctlGetTermios(fd, ioctlGetTermios)
	if err == nil {
		asking := *before
		if !echo {
			asking.Lflag &^= unix.ECHO | unix.ECHONL
		}
		asking.Lflag |= unix.ICANON | unix.ISIG
		_ = unix.IoctlSetTermios(fd, ioctlSetTermiosFlush, &asking)
	}
	_, _ = t.file.WriteString(text)
	return func() {
		if before != nil {
			_ = unix.IoctlSetTermios(fd, ioctlSetTermios, before)
		}
	}
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

// read reads one line.
func (t *terminal) read() {
	var got typed
	line := make([]byte, 0, maxTyped)
	chunk := make([]byte, maxTyped+1)
	defer clear(chunk)
	for {
		n, err := t.file.Read(chunk)
		part, _, ended := bytes.Cut(chunk[:n], []byte("\n"))
		line = append(line, part[:min(len(part), maxTyped-len(line))]...)
		if err != nil && (err != io.EOF || len(line) == 0) {
			got.err = errNoAnswer // the end of the file: ^D
			break
		}
		if ended || err != nil {
			break
		}
	}
	got.text = line
	t.line <- got
}
