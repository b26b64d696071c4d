package tty

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Interruption ends a command that works on several hosts in good order: a signal
// ends its context, so that the command says what was done before it ends by that
// signal. A second signal ends it at once.
//
//	         signal                        end
//	working --------> ended: say what was done ---> by the signal
//	        \--------------------------------> End: as ever
type Interruption struct {
	context.Context

	cancel  context.CancelFunc
	signals chan os.Signal
	came    syscall.Signal // 0: none
	first   sync.Once
}

// NewInterruption listens for the signals that end a program.
func NewInterruption() *Interruption {
	i := &Interruption{signals: make(chan os.Signal, 1)}
	i.Context, i.cancel = context.WithCancel(context.Background())
	signal.Notify(i.signals, Ending()...)
	go func() {
		if s, ok := <-i.signals; ok {
			i.By(s.(syscall.Signal))
		}
	}()
	return i
}

// By ends the context because of a signal. The next one is obeyed.
func (i *Interruption) By(s syscall.Signal) {
	i.first.Do(func() {
		i.came = s
		signal.Stop(i.signals)
		i.cancel()
	})
}

// End returns, or ends the program by the signal that came.
func (i *Interruption) End() {
	i.first.Do(func() { signal.Stop(i.signals) })
	i.cancel()
	if i.came != 0 {
		Obey(i.came)
	}
}
