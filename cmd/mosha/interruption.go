package main

import (
	"context"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// interruption has a command that works on several hosts end in good order: a
// signal ends its context, so that it says what was done before it ends by that
// signal. A second signal ends it at once.
//
//	         signal                        end
//	working --------> ended: say what was done ---> by the signal
//	        \--------------------------------> end: as ever
type interruption struct {
	context.Context

	cancel  context.CancelFunc
	signals chan os.Signal
	came    syscall.Signal // 0: none
	first   sync.Once
}

// ending are the signals that end a program.
func ending() []os.Signal {
	return slices.DeleteFunc([]os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT}, signal.Ignored)
}

func newInterruption() *interruption {
	i := &interruption{signals: make(chan os.Signal, 1)}
	i.Context, i.cancel = context.WithCancel(context.Background())
	signal.Notify(i.signals, ending()...)
	go func() {
		if s, ok := <-i.signals; ok {
			i.by(s.(syscall.Signal))
		}
	}()
	return i
}

// by ends the context because of a signal. The next one is obeyed.
func (i *interruption) by(s syscall.Signal) {
	i.first.Do(func() {
		i.came = s
		signal.Stop(i.signals)
		i.cancel()
	})
}

// end returns, or ends the program by the signal that came.
func (i *interruption) end() {
	i.first.Do(func() { signal.Stop(i.signals) })
	i.cancel()
	if i.came != 0 {
		obey(i.came)
	}
}
