//go:build linux

package lab

import (
	"net/netip"
	"sync"
	"time"
)

// Direction is a way through a cable, or both.
type Direction int

// The directions, as seen from the machine that the cable belongs to.
const (
	Both Direction = iota
	Out            // from the machine
	In             // to the machine
)

// Cable joins a machine to the lab's switch. A new one passes everything at
// once. All its methods may be called at any time, also while packets are under
// way.
type Cable struct {
	out, in *lane
}

// SetRTT makes a round trip through the cable take d longer than without: half
// of it in each direction.
func (c *Cable) SetRTT(d time.Duration) { c.SetDelay(Both, d/2) }

// SetDelay delays every packet that enters the cable in that direction by d.
func (c *Cable) SetDelay(dir Direction, d time.Duration) {
	c.each(dir, func(p *lane) { p.delay = max(d, 0) })
}

// SetLoss loses that fraction (0 to 1) of the packets in each direction. The
// lab's seed decides which.
func (c *Cable) SetLoss(fraction float64) {
	c.each(Both, func(p *lane) { p.loss = fraction })
}

// Cut loses every packet from now on, also those under way. Neither end is
// told.
func (c *Cable) Cut() { c.CutDirection(Both) }

// CutDirection is Cut for one direction.
func (c *Cable) CutDirection(dir Direction) {
	c.each(dir, func(p *lane) { p.cut = true })
}

// Heal undoes Cut and CutDirection. Delay and loss stay.
func (c *Cable) Heal() {
	c.each(Both, func(p *lane) { p.cut = false })
}

// Stats returns what passed in one direction so far; in both together for Both.
func (c *Cable) Stats(dir Direction) LaneStats {
	var sum LaneStats
	c.each(dir, func(p *lane) {
		sum.Packets += p.stats.Packets
		sum.Bytes += p.stats.Bytes
		sum.Lost += p.stats.Lost
	})
	return sum
}

func (c *Cable) each(dir Direction, change func(*lane)) {
	if dir != In {
		c.out.set(change)
	}
	if dir != Out {
		c.in.set(change)
	}
}

func (c *Cable) close() {
	c.out.close()
	c.in.close()
}

// netSwitch takes packets to the machine that has their destination address.
type netSwitch struct {
	mu    sync.RWMutex
	ports map[netip.Addr]*lane
}

func (s *netSwitch) connect(in *lane, addrs ...netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range addrs {
		s.ports[a] = in
	}
}

func (s *netSwitch) disconnect(addrs ...netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range addrs {
		delete(s.ports, a)
	}
}

// route sends an IP packet on, or drops it if no machine has its address.
func (s *netSwitch) route(packet []byte) {
	dst, ok := destination(packet)
	if !ok {
		return
	}
	s.mu.RLock()
	in := s.ports[dst]
	s.mu.RUnlock()
	if in != nil {
		in.send(packet)
	}
}

// destination reads the address from an IPv4 (RFC 791) or IPv6 (RFC 8200)
// header.
func destination(packet []byte) (netip.Addr, bool) {
	switch {
	case len(packet) >= 20 && packet[0]>>4 == 4:
		return netip.AddrFrom4([4]byte(packet[16:20])), true
	case len(packet) >= 40 && packet[0]>>4 == 6:
		return netip.AddrFrom16([16]byte(packet[24:40])), true
	}
	return netip.Addr{}, false
}
