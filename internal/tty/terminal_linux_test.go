package tty

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newPTY returns a terminal to ask on, and its other end, where a person types.
func newPTY(t *testing.T) (*terminal, *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	person := os.NewFile(uintptr(fd), "ptmx")
	t.Cleanup(func() { person.Close() })
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err := errors.Join(err, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)); err != nil {
		t.Fatal(err)
	}
	tty := &terminal{}
	if err := tty.openAt(fmt.Sprintf("/dev/pts/%d", number)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.file.Close(); _ = unix.Close(tty.in) })
	return tty, person
}

func types(t *testing.T, person *os.File, text string) {
	t.Helper()
	if _, err := person.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// answered is what ask returned.
type answered struct {
	text string
	err  error
}

// asks puts a question, and returns when it can be seen.
func asks(ctx context.Context, t *testing.T, tty *terminal, seen *bufio.Reader, echo bool) <-chan answered {
	t.Helper()
	got := make(chan answered, 1)
	go func() {
		text, err := tty.ask(ctx, Question{Text: "?", Echo: echo})
		got <- answered{string(text), err}
	}()
	if _, err := seen.ReadString('?'); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestVoidQuestion: a line that was typed for a question that is void answers no
// other, wherever it was when that one came.
func TestVoidQuestion(t *testing.T) {
	for name, typed := range map[string]struct{ before, after string }{
		"line after":  {"", "for the first.\n"},
		"line across": {"for the", " first.\n"},
		"line before": {"for the first\n", "."},
		"no line":     {"for the", " first."},
		"nothing":     {},
	} {
		for _, echo := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, echo %v", name, echo), func(t *testing.T) {
				tty, person := newPTY(t)
				seen := bufio.NewReader(person)
				for range 20 { // a line and the end of a question may come in any order
					voidThenAsk(t, tty, person, seen, echo, typed.before, typed.after)
				}
			})
		}
	}
}

func voidThenAsk(t *testing.T, tty *terminal, person *os.File, seen *bufio.Reader, echo bool, before, after string) {
	t.Helper()
	ctx, void := context.WithCancel(t.Context())
	first := asks(ctx, t, tty, seen, echo)
	types(t, person, before)
	void()
	if got := <-first; got.err == nil && !strings.HasSuffix(before, "\n") {
		t.Fatalf("a void question was answered with %q", got.text)
	}
	types(t, person, after)
	if after != "" { // its echo says that the terminal has it, and all that came before
		_, err := seen.ReadString('.')
		if err == nil && strings.HasSuffix(after, "\n") {
			_, err = seen.ReadString('\n')
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	second := asks(t.Context(), t, tty, seen, echo)
	types(t, person, "for the second\n")
	if got := <-second; got.text != "for the second" || got.err != nil {
		t.Fatalf("the second question was answered with %q, %v", got.text, got.err)
	}
}

// TestVoidQuestionEnds: a void question leaves what is typed then to whoever
// reads the terminal next.
func TestVoidQuestionEnds(t *testing.T) {
	tty, person := newPTY(t)
	seen := bufio.NewReader(person)
	ctx, void := context.WithCancel(t.Context())
	first := asks(ctx, t, tty, seen, true)
	void()
	<-first
	types(t, person, "for a shell\n")
	line := make(chan string, 1)
	go func() {
		text := make([]byte, 100)
		n, _ := tty.file.Read(text)
		line <- string(text[:n])
	}()
	select {
	case got := <-line:
		if got != "for a shell\n" {
			t.Errorf("it was left %q", got)
		}
	case <-time.After(5 * time.Minute):
		t.Error("what was typed after the question is gone")
		types(t, person, "\n")
	}
}

// TestEndOfInput: ^D is no answer, and after something that was typed, twice,
// the end of it.
func TestEndOfInput(t *testing.T) {
	tty, person := newPTY(t)
	seen := bufio.NewReader(person)
	for typed, want := range map[string]answered{
		"\x04": {err: errNoAnswer}, "word\x04\x04": {text: "word"}, "\n": {}, "two words\r": {text: "two words"},
		strings.Repeat("x", 3000) + "\n": {text: strings.Repeat("x", maxTyped)},
	} {
		got := asks(t.Context(), t, tty, seen, false)
		types(t, person, typed)
		if got := <-got; got != want {
			t.Errorf("%.20q: %q, %v", typed, got.text, got.err)
		}
	}
}

// TestTerminalGone: a terminal that hangs up has answered nothing. The SIGHUP for
// its session is not waited for, and here none comes.
func TestTerminalGone(t *testing.T) {
	tty, person := newPTY(t)
	asked := Question{Text: "?", Leave: true}
	got := make(chan error, 1)
	go func() {
		_, err := tty.ask(t.Context(), asked)
		got <- err
	}()
	if _, err := bufio.NewReader(person).ReadString('?'); err != nil {
		t.Fatal(err)
	}
	person.Close()
	err := <-got
	if signal.Ignored(unix.SIGHUP) {
		if !errors.Is(err, errNoAnswer) {
			t.Errorf("under nohup: %v", err)
		}
		return
	}
	if came := (*SignalError)(nil); !errors.As(err, &came) || came.Signal != unix.SIGHUP {
		t.Errorf("%v, want a hangup", err)
	}
}
