//go:build linux

package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Machine is one computer of the lab. It shares processes, users and files with
// the real one, but has its own network, mounts and host name.
type Machine struct {
	Name  string
	Cable *Cable

	lab    *Lab
	number int // in its addresses, from 1
	place  *place
	tun    *os.File
	pumped chan struct{}

	mu      sync.Mutex
	network int // in its addresses; every Roam is to a new one
	down    bool
	covered map[string]bool // directories with a private overlay
}

// newMachine makes a machine with lo and net0 up and all addresses set.
func (l *Lab) newMachine(name string, number int) (*Machine, error) {
	p, err := newPlace(name)
	if err != nil {
		return nil, err
	}
	m := &Machine{
		Name: name, lab: l, number: number, place: p,
		pumped: make(chan struct{}), covered: make(map[string]bool),
	}
	if err := p.do(m.setUp); err != nil {
		if m.tun != nil {
			m.tun.Close()
		}
		p.close()
		return nil, fmt.Errorf("machine %s: %w", name, err)
	}
	seed := l.seed + 2*uint64(number)
	m.Cable = &Cable{
		out: newLane(seed, l.net.route),
		in:  newLane(seed+1, func(packet []byte) { _, _ = m.tun.Write(packet) }),
	}
	l.net.connect(m.Cable.in, m.Addr(), m.Addr6())
	go func() {
		defer close(m.pumped)
		pump(m.tun, m.Cable.out)
	}()
	return m, nil
}

// setUp runs on the place's thread.
func (m *Machine) setUp() (err error) {
	if m.tun, err = openTUN(); err != nil {
		return err
	}
	if err := m.mountHosts(); err != nil {
		return err
	}
	return ip(append([]string{
		"link set lo up",
		"link set " + netDevice + " addrgenmode none",
		fmt.Sprintf("link set %s mtu %d txqueuelen %d up", netDevice, mtu, queueLen),
	}, m.addresses("add")...)...)
}

// mountHosts puts the lab's names in the place of the computer's.
func (m *Machine) mountHosts() error {
	if err := unix.Mount(m.lab.hostsFile(), "/etc/hosts", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount /etc/hosts: %w", err)
	}
	return nil
}

// addresses are the ip(8) commands that add or delete the machine's addresses,
// and set the routes to everywhere.
func (m *Machine) addresses(verb string) []string {
	commands := []string{
		fmt.Sprintf("address %s %s/24 dev %s", verb, m.addr(), netDevice),
		fmt.Sprintf("address %s %s/64 dev %s nodad", verb, m.addr6(), netDevice),
	}
	if verb != "delete" {
		commands = append(commands,
			"route replace 0.0.0.0/0 dev "+netDevice,
			"route replace ::/0 dev "+netDevice)
	}
	return commands
}

// ip runs commands of ip(8) in the calling thread's namespace.
func ip(commands ...string) error {
	program, err := findProgram("ip")
	if err != nil {
		return err
	}
	cmd := exec.Command(program, "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Addr returns the machine's present IPv4 address.
func (m *Machine) Addr() netip.Addr {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.addr()
}

// Addr6 returns the machine's present IPv6 address.
func (m *Machine) Addr6() netip.Addr {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.addr6()
}

func (m *Machine) addr() netip.Addr {
	return netip.AddrFrom4([4]byte{10, 77, byte(m.network), byte(m.number)})
}

func (m *Machine) addr6() netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xfd, 3: 0x77, 5: byte(m.network), 15: byte(m.number)})
}

// Roam moves the machine to another network, as a laptop that is carried from
// home to work: its addresses go, new ones come. It returns the new IPv4
// address. With the link down, it is there when the link comes up again.
func (m *Machine) Roam() (netip.Addr, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lab.net.disconnect(m.addr(), m.addr6())
	commands := m.addresses("delete")
	m.network++
	if m.down {
		commands = commands[:1] // the IPv6 address went with the link
	} else {
		commands = append(commands, m.addresses("add")...)
	}
	m.lab.net.connect(m.Cable.in, m.addr(), m.addr6())
	if err := m.place.do(func() error { return ip(commands...) }); err != nil {
		return netip.Addr{}, err
	}
	return m.addr(), nil
}

// AddLinkLocal gives the machine a link-local IPv6 address until its link goes
// down, and returns it with its zone.
func (m *Machine) AddLinkLocal() (netip.Addr, error) {
	addr := netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: byte(m.number)})
	m.lab.net.connect(m.Cable.in, addr)
	err := m.place.do(func() error { return ip(fmt.Sprintf("address add %s/64 dev %s nodad", addr, netDevice)) })
	return addr.WithZone(netDevice), err
}

// LinkDown takes the machine's interface down. Its programs are told: there is
// no route any more.
func (m *Machine) LinkDown() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = true
	return m.place.do(func() error { return ip("link set " + netDevice + " down") })
}

// LinkUp takes the interface up again, with the machine's addresses and routes.
func (m *Machine) LinkUp() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = false
	commands := append([]string{"link set " + netDevice + " up"}, m.addresses("replace")...)
	return m.place.do(func() error { return ip(commands...) })
}

// Do runs fn in the machine's namespaces, on a thread of its own. What fn does
// itself happens there, and a socket that it makes stays there; goroutines that
// it starts are elsewhere.
func (m *Machine) Do(fn func() error) error { return m.place.visit(fn) }

// Dial connects from the machine to the address, which must be a literal one.
func (m *Machine) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if _, err := netip.ParseAddrPort(address); err != nil {
		return nil, err
	}
	var conn net.Conn
	err := m.Do(func() (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Listen listens on the machine for TCP connections.
func (m *Machine) Listen(address string) (net.Listener, error) {
	if _, err := netip.ParseAddrPort(address); err != nil {
		return nil, err
	}
	var listener net.Listener
	err := m.Do(func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	})
	return listener, err
}

// close ends the machine's network. Its processes must be dead.
func (m *Machine) close() error {
	err := m.tun.Close()
	<-m.pumped
	m.Cable.close()
	m.place.close()
	return err
}
