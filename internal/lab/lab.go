//go:build linux

package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Lab is a laptop and a devbox joined by a cable. Its methods may be called
// from several goroutines.
type Lab struct {
	Laptop, Devbox *Machine
	// Cable is the laptop's. The devbox's own passes everything at once.
	Cable *Cable

	dir  string
	lock *os.File // held for as long as the lab lives
	seed uint64
	net  *netSwitch

	mu       sync.Mutex
	machines []*Machine
	users    []*User
	sshds    []*Sshd
	windows  []*Terminal
	closed   bool
}

// Option changes how New makes a lab.
type Option func(*Lab)

// Seed sets the seed that decides which packets a cable loses. It is 1 by
// default.
func Seed(seed uint64) Option { return func(l *Lab) { l.seed = seed } }

// New makes a lab with the machines laptop and devbox, which know each other by
// these names (and as devbox4 and devbox6 by IPv4 and IPv6 only). The error is
// a *Missing if the computer lacks something. New first removes users and
// directories of labs whose process has died. The caller closes the lab.
func New(opts ...Option) (*Lab, error) {
	if err := checkMissing(); err != nil {
		return nil, err
	}
	heedSignals()
	l := &Lab{seed: 1, net: &netSwitch{ports: make(map[netip.Addr]*lane)}}
	for _, opt := range opts {
		opt(l)
	}
	if err := l.makeDir(); err != nil {
		return nil, err
	}
	if err := l.addMachines(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// heedSignals catches the signals that this process ignores, as a shell makes
// what it starts in the background do: the lab's programs would inherit that,
// but not what is caught.
func heedSignals() {
	for _, s := range []os.Signal{unix.SIGINT, unix.SIGQUIT, unix.SIGHUP} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}

func (l *Lab) addMachines() (err error) {
	if err := l.writeHosts(); err != nil {
		return err
	}
	if l.Laptop, err = l.AddMachine("laptop"); err != nil {
		return err
	}
	if l.Devbox, err = l.AddMachine("devbox"); err != nil {
		return err
	}
	l.Cable = l.Laptop.Cable
	return nil
}

// AddMachine adds one more machine, with its own cable to the same switch. The
// others know it by name, at the addresses that it has now.
func (l *Lab) AddMachine(name string) (*Machine, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, errClosed
	}
	m, err := l.newMachine(name, len(l.machines)+1)
	if err != nil {
		return nil, err
	}
	l.machines = append(l.machines, m)
	return m, l.writeHostsLocked()
}

// Path returns the name of a file in the lab's directory, which every user may
// enter and only root may write. The path is short enough for a Unix socket
// and gone after Close.
func (l *Lab) Path(name string) string { return l.path(name) }

func (l *Lab) path(name string) string { return filepath.Join(l.dir, name) }

func (l *Lab) hostsFile() string { return l.path(hostsName) }

func (l *Lab) writeHosts() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.writeHostsLocked()
}

// writeHostsLocked writes the machines' common /etc/hosts in place: it is
// mounted as a file, so that a new one under its name would not be seen.
func (l *Lab) writeHostsLocked() error {
	var b strings.Builder
	b.WriteString("127.0.0.1 localhost\n::1 localhost\n")
	for _, m := range l.machines {
		fmt.Fprintf(&b, "%s %s %s4\n%s %s %s6\n", m.Addr(), m.Name, m.Name, m.Addr6(), m.Name, m.Name)
	}
	return os.WriteFile(l.hostsFile(), []byte(b.String()), 0o644)
}

// Logs returns the logs of all sshd's, by machine and port.
func (l *Lab) Logs() map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	logs := make(map[string]string)
	for _, s := range l.sshds {
		logs[s.String()] = s.Log()
	}
	return logs
}

// Close kills every process on the lab's machines and of its users, and
// removes users and directories. Nothing is left then. A second call does
// nothing.
func (l *Lab) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	errs := []error{l.killAll()}
	for _, t := range l.windows {
		errs = append(errs, t.Close())
	}
	for _, m := range l.machines {
		errs = append(errs, m.close())
	}
	for _, u := range l.users {
		errs = append(errs, removeUser(u.Name, u.UID))
	}
	errs = append(errs, os.RemoveAll(l.dir), l.lock.Close())
	return errors.Join(errs...)
}
