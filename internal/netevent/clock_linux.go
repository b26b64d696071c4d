package netevent

import (
	"errors"
	"math"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// watchSet starts a goroutine of running that sends on the channel when the
// wall clock was set or the machine has resumed, until stop is called. News
// that nobody has received yet stands for all that comes meanwhile.
func watchSet(running *sync.WaitGroup) (set <-chan struct{}, stop func(), err error) {
	file, err := openClock()
	if err != nil {
		return nil, func() {}, err
	}
	news := make(chan struct{}, 1)
	running.Go(func() {
		expirations := make([]byte, 8)
		for {
			if _, err := file.Read(expirations); !errors.Is(err, unix.ECANCELED) {
				return
			}
			select {
			case news <- struct{}{}:
			default:
			}
		}
	})
	return news, func() { _ = file.Close() }, nil
}

// openClock returns a timer that never runs out, but is cancelled whenever the
// wall clock jumps, and stays armed: see TFD_TIMER_CANCEL_ON_SET in
// timerfd_create(2). When the machine resumes, the wall clock jumps, too.
func openClock() (*os.File, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_REALTIME, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	never := unix.ItimerSpec{Value: unix.Timespec{Sec: math.MaxInt64}}
	if err := unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME|unix.TFD_TIMER_CANCEL_ON_SET, &never, nil); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("timerfd_settime", err)
	}
	return os.NewFile(uintptr(fd), "timerfd"), nil
}
