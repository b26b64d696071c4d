package tty

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
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
		return ErrNone
	}
	in, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|mode, 0)
	if err != nil {
		_ = unix.Close(out)
		return ErrNone
	}
	t.file, t.in = os.NewFile(uintptr(out), path), in
	return nil
}

// Question is one question in words.
type Question struct {
	Before string // what is shown first, whole lines
	Text   string // what stands before the answer
	Echo   bool   // what is typed may be seen
	Hint   string // for SSH_ASKPASS_PROMPT
	Leave  bool   // a signal ends the question, not the program: the error is a *SignalError
	Tell   func() // shows the question in another way, once the terminal is ready for the answer
}

var (
	// ErrNone says that there is neither a terminal to ask on nor another way.
	ErrNone = errors.New("no terminal to ask on")
	// errNoAnswer says that a question was not answered.
	errNoAnswer = errors.New("no answer")
)

// Ask puts a question on the terminal, or through SSH_ASKPASS by ssh's rules.
func Ask(ctx context.Context, q Question) ([]byte, error) {
	program, use := askpass(os.Getenv, console.open)
	switch {
	case !use:
		return console.ask(ctx, q)
	case program == "":
		return nil, ErrNone
	}
	fmt.Fprint(os.Stderr, q.Before)
	return runAskpass(ctx, program, q)
}

// Wait calls tell, which says that Enter is waited for, and waits for it, for so
// long at most, or not where there is no terminal. The error is a *SignalError
// if a signal came instead, be it while tell was at it.
func Wait(limit time.Duration, tell func()) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	typed, err := console.ask(ctx, Question{Leave: true, Tell: tell})
	clear(typed)
	var came *SignalError
	if errors.As(err, &came) {
		return came
	}
	return nil
}

// ask shows the question and returns the line that is typed. It drops what was
// typed before the question, as ssh does.
func (t *terminal) ask(ctx context.Context, q Question) ([]byte, error) {
	if err := t.open(); err != nil {
		return nil, err
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, heeded()...)
	defer signal.Stop(signals)
	text := q.Before + q.Text
	for {
		got, s := t.put(ctx, signals, text, q)
		if s == nil {
			return got.text, got.err
		}
		t.newline()
		if q.Leave && s != unix.SIGTSTP {
			return nil, &SignalError{s.(syscall.Signal)}
		}
		Obey(s.(syscall.Signal))
		text = q.Text
	}
}

// put shows the question once and waits for the line, or the signal that came
// before it.
func (t *terminal) put(ctx context.Context, signals <-chan os.Signal, text string, q Question) (typed, os.Signal) {
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
		if got.err != nil || !q.Echo {
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
func (t *terminal) show(text string, q Question) (restore func()) {
	fd := int(t.file.Fd())
	before, err := unix.IoctlGetTermios(fd, ioctlGetTermios)
	if err == nil {
		asking := *before
		if !q.Echo {
			asking.Lflag &^= unix.ECHO | unix.ECHONL
		}
		asking.Lflag |= unix.ICANON | unix.ISIG
		_ = unix.IoctlSetTermios(fd, ioctlSetTermiosFlush, &asking)
	}
	if q.Tell != nil {
		q.Tell()
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

// aside lets write print while a question may be open, and puts that below again.
// What was typed of an answer that is seen still counts, but is seen no more.
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
