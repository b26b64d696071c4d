//go:build linux

package lab

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// arrivals collects what leaves a lane, with the time since the test began.
type arrivals struct {
	begin   time.Time
	packets []string
	after   []time.Duration
}

func newTestLane(seed uint64) (*lane, *arrivals) {
	a := &arrivals{begin: time.Now()}
	return newLane(seed, func(packet []byte) {
		a.packets = append(a.packets, string(packet))
		a.after = append(a.after, time.Since(a.begin))
	}), a
}

func (a *arrivals) want(t *testing.T, packets []string, after []time.Duration) {
	t.Helper()
	synctest.Wait()
	if !slices.Equal(a.packets, packets) || !slices.Equal(a.after, after) {
		t.Errorf("arrived %q after %v, want %q after %v", a.packets, a.after, packets, after)
	}
}

func TestLaneWithoutDelayPassesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, got := newTestLane(1)
		defer p.close()
		p.send([]byte("a"))
		got.want(t, []string{"a"}, []time.Duration{0})
	})
}

func TestLaneDelaysExactly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, got := newTestLane(1)
		defer p.close()
		p.set(func(p *lane) { p.delay = 50 * time.Millisecond })
		buf := []byte("a")
		p.send(buf)
		copy(buf, "x") // the sender's buffer is its own again
		time.Sleep(20 * time.Millisecond)
		p.send([]byte("b"))
		time.Sleep(time.Second)
		p.send([]byte("c"))
		time.Sleep(time.Second)
		got.want(t, []string{"a", "b", "c"}, []time.Duration{
			50 * time.Millisecond, 70 * time.Millisecond, 1070 * time.Millisecond,
		})
	})
}

func TestLaneKeepsOrderWhenDelayShrinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, got := newTestLane(1)
		defer p.close()
		p.set(func(p *lane) { p.delay = 50 * time.Millisecond })
		p.send([]byte("a"))
		p.set(func(p *lane) { p.delay = 10 * time.Millisecond })
		p.send([]byte("b"))
		p.set(func(p *lane) { p.delay = 0 })
		p.send([]byte("c"))
		time.Sleep(time.Second)
		p.send([]byte("d"))
		got.want(t, []string{"a", "b", "c", "d"}, []time.Duration{
			50 * time.Millisecond, 50 * time.Millisecond, 50 * time.Millisecond, time.Second,
		})
	})
}

func TestLaneKeepsOrderWhileOneIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var arrived []string
		p := newLane(1, func(packet []byte) {
			if string(packet) == "a" {
				time.Sleep(10 * time.Millisecond)
			}
			arrived = append(arrived, string(packet))
		})
		defer p.close()
		p.set(func(p *lane) { p.delay = 50 * time.Millisecond })
		p.send([]byte("a"))
		p.set(func(p *lane) { p.delay = 0 })
		time.Sleep(55 * time.Millisecond)
		p.send([]byte("b"))
		time.Sleep(time.Second)
		synctest.Wait()
		if !slices.Equal(arrived, []string{"a", "b"}) {
			t.Errorf("arrived %q", arrived)
		}
	})
}

func TestLaneCutLosesWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, got := newTestLane(1)
		defer p.close()
		p.set(func(p *lane) { p.delay = 50 * time.Millisecond })
		p.send([]byte("under way"))
		p.set(func(p *lane) { p.cut = true })
		p.send([]byte("too late"))
		time.Sleep(time.Second)
		p.set(func(p *lane) { p.cut = false })
		p.send([]byte("healed"))
		time.Sleep(time.Second)
		got.want(t, []string{"healed"}, []time.Duration{1050 * time.Millisecond})
		p.set(func(p *lane) {
			if want := (LaneStats{Packets: 1, Bytes: 6, Lost: 2}); p.stats != want {
				t.Errorf("stats %+v, want %+v", p.stats, want)
			}
		})
	})
}

func TestLaneLossIsTheSeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lossy := func(seed uint64) []string {
			p, got := newTestLane(seed)
			defer p.close()
			p.set(func(p *lane) { p.loss = 0.25 })
			for i := range 1000 {
				p.send([]byte(fmt.Sprint(i)))
			}
			return got.packets
		}
		first, again, other := lossy(1), lossy(1), lossy(2)
		if n := len(first); n < 700 || n > 800 {
			t.Errorf("%d of 1000 packets passed at a loss of a quarter", n)
		}
		if !slices.Equal(first, again) {
			t.Error("one seed lost different packets")
		}
		if slices.Equal(first, other) {
			t.Error("two seeds lost the same packets")
		}
	})
}

func TestLaneQueueIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, got := newTestLane(1)
		defer p.close()
		p.set(func(p *lane) { p.delay = time.Hour })
		big := bytes.Repeat([]byte("x"), maxQueued/4)
		for range 6 {
			p.send(big)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if len(got.packets) != 4 {
			t.Errorf("%d packets passed, want 4", len(got.packets))
		}
	})
}

func TestDestination(t *testing.T) {
	v4 := make([]byte, 20)
	v4[0] = 0x45
	copy(v4[16:], []byte{10, 77, 0, 2})
	v6 := make([]byte, 40)
	v6[0] = 0x60
	copy(v6[24:], []byte{0xfd, 0, 0, 0x77, 15: 2})
	for _, test := range []struct {
		name   string
		packet []byte
		want   string
	}{
		{"IPv4", v4, "10.77.0.2"},
		{"IPv6", v6, "fd00:77::2"},
		{"IPv4, cut short", v4[:19], ""},
		{"IPv6, cut short", v6[:39], ""},
		{"nothing", nil, ""},
		{"neither", []byte("\x00neither this nor that, but long enough to be one"), ""},
	} {
		addr, ok := destination(test.packet)
		if got := addr.String(); ok != (test.want != "") || ok && got != test.want {
			t.Errorf("%s: %s, %v, want %q", test.name, got, ok, test.want)
		}
	}
}
