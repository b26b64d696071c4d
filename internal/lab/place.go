//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// errClosed says that the lab is closed.
var errClosed = errors.New("lab is closed")

// place is where a machine's processes live: network, mount and UTS namespaces
// of their own, without a name. One OS thread stays in them for as long as the
// place is open, and starts every process of the machine. A child inherits the
// namespaces of the thread that forks it, and the kernel sends a parent death
// signal when that very thread ends.
//
// The thread never goes back to Go's pool: its goroutine stays locked to it and
// so ends it. So no thread in a foreign namespace can run other code.
type place struct {
	calls  chan func()
	quit   chan struct{}
	ended  chan struct{}
	close1 sync.Once

	net, mnt, uts *os.File
	netID         uint64
}

// newPlace makes the namespaces of a machine that calls itself hostname.
func newPlace(hostname string) (*place, error) {
	p := &place{calls: make(chan func()), quit: make(chan struct{}), ended: make(chan struct{})}
	ready := make(chan error)
	onOwnThread(func() {
		defer close(p.ended)
		err := p.enterNew(hostname)
		ready <- err
		if err == nil {
			p.serve()
		}
	})
	if err := <-ready; err != nil {
		<-p.ended
		p.closeFiles()
		return nil, err
	}
	return p, nil
}

// enterNew moves the calling thread into new namespaces and keeps them open.
func (p *place) enterNew(hostname string) error {
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWUTS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Sethostname([]byte(hostname)); err != nil {
		return fmt.Errorf("sethostname: %w", err)
	}
	for _, ns := range []struct {
		name string
		file **os.File
	}{{"net", &p.net}, {"mnt", &p.mnt}, {"uts", &p.uts}} {
		f, err := os.Open("/proc/thread-self/ns/" + ns.name)
		if err != nil {
			return err
		}
		*ns.file = f
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(p.net.Fd()), &st); err != nil {
		return fmt.Errorf("fstat: %w", err)
	}
	p.netID = st.Ino
	return nil
}

func (p *place) serve() {
	for {
		select {
		case call := <-p.calls:
			call()
		case <-p.quit:
			return
		}
	}
}

// do runs fn on the place's thread. Calls run one after the other, so fn must
// not wait for the network. A nil place is where the calling thread is.
func (p *place) do(fn func() error) error {
	if p == nil {
		return fn()
	}
	result := make(chan error, 1)
	select {
	case p.calls <- func() { result <- fn() }:
		return <-result
	case <-p.ended:
		return errClosed
	}
}

// visit runs fn on a thread that enters the place for this call only. Unlike
// in do, fn may take its time.
func (p *place) visit(fn func() error) error {
	select {
	case <-p.ended:
		return errClosed
	default:
	}
	result := make(chan error, 1)
	onOwnThread(func() {
		err := p.enter()
		if err == nil {
			err = fn()
		}
		result <- err
	})
	return <-result
}

// enter moves the calling thread into the place. The thread must not go back to
// the pool.
func (p *place) enter() error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	for _, ns := range []*os.File{p.uts, p.mnt, p.net} {
		if err := unix.Setns(int(ns.Fd()), 0); err != nil {
			return fmt.Errorf("setns %s: %w", ns.Name(), err)
		}
	}
	return nil
}

// close ends the place's thread and gives the namespaces up. Processes that
// still run in them keep them alive.
func (p *place) close() {
	p.close1.Do(func() {
		close(p.quit)
		<-p.ended
		p.closeFiles()
	})
}

func (p *place) closeFiles() {
	for _, f := range []*os.File{p.net, p.mnt, p.uts} {
		if f != nil {
			f.Close()
		}
	}
}

// onOwnThread runs fn in a new goroutine on an OS thread that ends with it. It
// is never the process's first thread: that one cannot end, and the namespaces
// it is in are what the rest of the system takes for the process's own.
func onOwnThread(fn func()) {
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			fn()
			return
		}
		locked := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(locked)
			fn()
		}()
		<-locked
		runtime.UnlockOSThread()
	}()
}
