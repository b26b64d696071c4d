package control

import (
	"net"
	"slices"
	"sync"
	"time"
)

// maxClients bounds how many conversations the control socket has at once.
const maxClients = 128

// silentGrace is how long a client that has not called yet keeps its place when
// another needs one. Ours call at once.
const silentGrace = 50 * time.Millisecond

// places bounds the conversations on the control socket. When all places are
// taken, a newcomer gets that of the client that has been silent for longest;
// where all have called, it waits. So clients that connect and send nothing,
// however many, keep nobody else out.
type places struct {
	taken chan struct{} // one slot a place

	mu     sync.Mutex
	silent []*place // whose client has not called, oldest first
}

// place is one client's.
type place struct {
	all   *places
	conn  net.Conn
	since time.Time
}

func newPlaces(n int) *places { return &places{taken: make(chan struct{}, n)} }

// take returns a place for a client, when there is one.
func (p *places) take(conn net.Conn) *place {
	select {
	case p.taken <- struct{}{}:
	default:
		p.waitForOne()
	}
	taken := &place{all: p, conn: conn, since: time.Now()}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.silent = append(p.silent, taken)
	return taken
}

// waitForOne takes the next place that becomes free, and sees to it that one
// does if it can.
func (p *places) waitForOne() {
	timer := time.NewTimer(p.closeOldest())
	defer timer.Stop()
	for {
		select {
		case p.taken <- struct{}{}:
			return
		case <-timer.C:
			timer.Reset(p.closeOldest())
		}
	}
}

// closeOldest ends the conversation with the client that has been silent for
// longest, if that is long enough. It returns when to call it again.
func (p *places) closeOldest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.silent) == 0 {
		return silentGrace
	}
	oldest := p.silent[0]
	if rest := silentGrace - time.Since(oldest.since); rest > 0 {
		return rest
	}
	p.silent = p.silent[1:]
	_ = oldest.conn.Close()
	return silentGrace
}

// heard notes that the client has called.
func (p *place) heard() {
	p.all.mu.Lock()
	defer p.all.mu.Unlock()
	p.all.silent = slices.DeleteFunc(p.all.silent, func(other *place) bool { return other == p })
}

// leave gives the place back.
func (p *place) leave() {
	p.heard()
	<-p.all.taken
}
