package main

// What mosha says to a person, and where:
//
//   - stdout has what the command is for, and nothing else;
//   - stderr has everything else, each line beginning with "mosha: ";
//   - a failure is one line, a hint at most one more;
//   - a success has a line on a terminal only, where nothing else shows it;
//   - questions go to the terminal itself, as ssh's do, or through SSH_ASKPASS by
//     ssh's rules; a server's banner, and the words of an ssh on the way, go to
//     stderr as they are;
//   - control characters of a remote's text are escaped.

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/text"
	"github.com/mosha-ssh/mosha/internal/tty"
)

// say writes a line for the person.
func say(format string, args ...any) {
	fmt.Fprintln(os.Stderr, "mosha: "+text.Escape(fmt.Sprintf(format, args...)))
}

// report says what was done, but only on a terminal: a script goes by the exit
// status.
func report(format string, args ...any) {
	if tty.Is(os.Stderr) {
		say(format, args...)
	}
}

// teller says a line.
type teller func(format string, args ...any)

// afterAWhile tells what takes long, unless stop is called before.
func afterAWhile(tell teller, what func() string) (stop func()) {
	timer := time.AfterFunc(aWhile, func() { tell("%s", what()) })
	return func() { timer.Stop() }
}

// aWhile is how long a person waits without a word.
const aWhile = 2 * time.Second

// complain says what failed, with a hint, and returns the exit code for it.
func complain(err error) int {
	if err == nil {
		return 0
	}
	var silent *exitError
	if errors.As(err, &silent) {
		return silent.Code
	}
	f := explain.Error(err)
	say("%s", f.Message)
	if f.Hint != "" {
		say("hint: %s", f.Hint)
	}
	return f.Code
}

// warn says what the session goes without. It starts all the same.
func warn(err error) {
	f := explain.Error(err)
	if f.Hint == "" {
		say("warning: %s", f.Message)
		return
	}
	say("warning: %s (%s)", f.Message, f.Hint)
}

// exitError ends the program with a code, without a word.
type exitError struct{ Code int }

func (e *exitError) Error() string { return fmt.Sprintf("exit status %d", e.Code) }
