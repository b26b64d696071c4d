package tty

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Ending are the signals that end a program, but for those that are ignored, as
// by nohup.
func Ending() []os.Signal { return heard(unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT) }

// heeded are the signals that must not find the terminal as a question needs it.
func heeded() []os.Signal { return append(Ending(), heard(unix.SIGTSTP)...) }

// heard leaves out the signals that are ignored. SIGKILL, which nobody hears,
// keeps the list from being empty: os/signal takes an empty one for all
// signals.
func heard(all ...os.Signal) []os.Signal {
	return append(slices.DeleteFunc(all, signal.Ignored), unix.SIGKILL)
}

// SignalError says which signal ended a question that leaves signals to the
// caller.
type SignalError struct{ Signal syscall.Signal }

func (e *SignalError) Error() string { return e.Signal.String() }

// Obey does what the signal does by default. It returns only after a stop.
func Obey(s syscall.Signal) {
	if s == unix.SIGTSTP {
		suspend()
		return
	}
	signal.Reset(s)
	_ = syscall.Kill(os.Getpid(), s)
	time.Sleep(signalGrace)
	os.Exit(128 + int(s))
}

// suspend stops this process as ^Z does, and returns when it goes on. Go's
// runtime drops a SIGTSTP once it was asked for. A stop takes effect a moment
// after the call, which other threads could use.
func suspend() {
	resumed := make(chan os.Signal, 1)
	signal.Notify(resumed, unix.SIGCONT)
	defer signal.Stop(resumed)
	_ = syscall.Kill(os.Getpid(), unix.SIGSTOP)
	<-resumed
}

// signalGrace is how long a signal to ourselves may take to come.
const signalGrace = 200 * time.Millisecond
