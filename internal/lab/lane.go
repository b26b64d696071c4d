//go:build linux

package lab

import (
	"math/rand/v2"
	"sync"
	"time"
)

// maxQueued bounds the bytes that are under way in one direction. Beyond it
// packets are lost, as in a full router. It is 150 ms of 1.7 Gbit/s.
const maxQueued = 32 << 20

// lane is one direction of a cable. Packets leave it in the order in which
// they came, each not before its delay has passed.
//
//	send --(cut? lost?)--> no delay and nothing queued --> deliver
//	            |
//	            +--> queue --run, when due--(cut?)--> deliver
type lane struct {
	deliver func(packet []byte)
	wake    chan struct{}
	quit    chan struct{}
	ended   chan struct{}

	mu     sync.Mutex
	delay  time.Duration
	loss   float64
	cut    bool
	random *rand.Rand
	// queue is in the order of arrival: after the delay has shrunk, a packet
	// that is due waits for those before it. busy is set while run delivers one
	// that is no longer in the queue: nothing may overtake it.
	queue  []queued
	queued int
	busy   bool
	stats  LaneStats
}

type queued struct {
	due    time.Time
	packet []byte
}

// LaneStats counts what happened in one direction of a cable.
type LaneStats struct {
	Packets, Bytes uint64 // delivered
	Lost           uint64 // packets lost by Cut, SetLoss or a full queue
}

func newLane(seed uint64, deliver func([]byte)) *lane {
	p := &lane{
		deliver: deliver,
		wake:    make(chan struct{}, 1),
		quit:    make(chan struct{}),
		ended:   make(chan struct{}),
		random:  rand.New(rand.NewPCG(seed, seed)),
	}
	go p.run()
	return p
}

// send takes a packet in. It keeps no reference to it.
func (p *lane) send(packet []byte) {
	p.mu.Lock()
	if p.cut || p.queued+len(packet) > maxQueued || p.loss > 0 && p.random.Float64() < p.loss {
		p.stats.Lost++
		p.mu.Unlock()
		return
	}
	if p.delay == 0 && len(p.queue) == 0 && !p.busy {
		p.count(packet)
		p.mu.Unlock()
		p.deliver(packet)
		return
	}
	p.queue = append(p.queue, queued{time.Now().Add(p.delay), append([]byte(nil), packet...)})
	p.queued += len(packet)
	first := len(p.queue) == 1
	p.mu.Unlock()
	if first {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

// run delivers what is due until the lane is closed.
func (p *lane) run() {
	defer close(p.ended)
	for {
		packet, wait := p.next()
		if packet != nil {
			p.deliver(packet)
			continue
		}
		var timer <-chan time.Time
		if wait > 0 {
			timer = time.After(wait)
		}
		select {
		case <-timer:
		case <-p.wake:
		case <-p.quit:
			return
		}
	}
}

// next takes the first packet out of the queue if it is due. If not, it returns
// how long that takes, or 0 if the queue is empty.
func (p *lane) next() (packet []byte, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy = false
	for len(p.queue) > 0 {
		head := p.queue[0]
		if wait = time.Until(head.due); wait > 0 {
			return nil, wait
		}
		p.queue[0] = queued{}
		p.queue = p.queue[1:]
		p.queued -= len(head.packet)
		if p.cut {
			p.stats.Lost++
			continue
		}
		p.busy = true
		p.count(head.packet)
		return head.packet, 0
	}
	p.queue = nil
	return nil, 0
}

func (p *lane) count(packet []byte) {
	p.stats.Packets++
	p.stats.Bytes += uint64(len(packet))
}

func (p *lane) set(change func(*lane)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

func (p *lane) close() {
	close(p.quit)
	<-p.ended
}
