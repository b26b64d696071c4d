package child

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// entryLimit is how long a directory's file system may take to tell whether it can
// be entered.
const entryLimit = time.Second

// place is a directory for programs to run in. A program that is started in one
// that cannot be entered fails, and one whose file system hangs, as over a network
// that is gone, stops this process: the child enters it before it is another
// program, and until then the runtime waits. So the file system is asked before
// each start.
type place struct {
	path  string
	enter func(path string) error // nil: it can be entered. It may hang

	mu    sync.Mutex
	entry *entry // that is under way; nil: none
}

// entry is a question to the file system.
type entry struct {
	began time.Time
	done  chan struct{}
	err   error // once done
}

func newPlace(path string) *place { return &place{path: path, enter: accessible} }

// accessible returns an error if this is no directory in which a program can run.
func accessible(path string) error { return unix.Access(path+"/.", unix.X_OK) }

// open reports whether the directory can be entered. It is not while a question to
// its file system has had no answer for entryLimit.
func (p *place) open() bool {
	e := p.ask()
	limit := time.NewTimer(entryLimit - time.Since(e.began))
	defer limit.Stop()
	select {
	case <-e.done:
		return e.err == nil
	case <-limit.C:
		return false
	}
}

// ask asks the file system, unless it is being asked.
func (p *place) ask() *entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.entry != nil {
		return p.entry
	}
	e := &entry{began: time.Now(), done: make(chan struct{})}
	p.entry = e
	go func() {
		e.err = p.enter(p.path)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.entry = nil
		close(e.done)
	}()
	return e
}
