//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Sshd is a real sshd(8), run by Machine.Sshd or StartSshd.
type Sshd struct {
	// Port is the TCP port that it listens on, at all addresses of its machine.
	Port int

	config  SshdConfig
	machine *Machine // nil outside of any lab
	version Version
	ctx     context.Context
	dir     string // config, log and host keys

	mu      sync.Mutex
	cmd     *Cmd
	ended   chan struct{}
	orphans []int // sessions of listeners that were stopped
}

// Sshd starts an sshd as root on the machine. Users log in with the keys in
// their own ~/.ssh/authorized_keys.
func (m *Machine) Sshd(config SshdConfig) (*Sshd, error) {
	if config.Port == 0 {
		config.Port = 22
	}
	m.lab.mu.Lock()
	defer m.lab.mu.Unlock()
	if m.lab.closed {
		return nil, errClosed
	}
	config.Dir = m.lab.path(fmt.Sprintf("sshd%d", len(m.lab.sshds)+1))
	if err := os.Mkdir(config.Dir, 0o700); err != nil {
		return nil, err
	}
	s := &Sshd{Port: config.Port, config: config, machine: m, ctx: context.Background(), dir: config.Dir}
	m.lab.sshds = append(m.lab.sshds, s)
	if err := s.begin(); err != nil {
		return nil, err
	}
	return s, nil
}

// StartSshd starts an sshd outside of any lab, on the loopback addresses, as
// the calling user, who alone can log in. It needs no root. The listener ends
// with ctx or by Stop, sessions by KillSessions. config.Dir is required: a
// private directory that the caller removes. Port 0 is a free one.
func StartSshd(ctx context.Context, config SshdConfig) (*Sshd, error) {
	const attempts = 5                   // someone else may take the free port first
	dir, err := filepath.Abs(config.Dir) // sshd changes to /
	if err != nil {
		return nil, err
	}
	config.Dir = dir
	var failed error
	for range attempts {
		s := &Sshd{Port: config.Port, config: config, ctx: ctx, dir: config.Dir}
		if s.Port == 0 {
			port, err := freePort()
			if err != nil {
				return nil, err
			}
			s.Port = port
		}
		failed = s.begin()
		if failed == nil {
			return s, nil
		}
		if config.Port != 0 || !errors.Is(failed, errPortTaken) {
			break
		}
	}
	return nil, failed
}

// Dir is where its files are. Tests put more files there that root alone can
// write.
func (s *Sshd) Dir() string { return s.dir }

// String names the sshd by its machine and port.
func (s *Sshd) String() string {
	if s.machine == nil {
		return fmt.Sprintf("sshd on port %d", s.Port)
	}
	return fmt.Sprintf("sshd on %s, port %d", s.machine.Name, s.Port)
}

func (s *Sshd) begin() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.makeHostKeys(); err != nil {
		return err
	}
	version, err := sshdVersion(s.place())
	if err != nil {
		return err
	}
	s.version = version
	return s.startLocked()
}

// place is where the sshd runs: nil outside of any lab.
func (s *Sshd) place() *place {
	if s.machine == nil {
		return nil
	}
	return s.machine.place
}

// Version is that of the sshd.
func (s *Sshd) Version() Version { return s.version }

// startLocked starts the listener and waits until it listens.
func (s *Sshd) startLocked() error {
	program, err := findProgram("sshd")
	if err != nil {
		return err
	}
	if err := s.writeConfig(); err != nil {
		return err
	}
	before := len(s.Log())
	s.cmd = newCmd(s.ctx, s.place(), program, "-D", "-f", s.file("config"), "-E", s.file("log"))
	s.ended = make(chan struct{})
	if err := s.cmd.Start(); err != nil {
		return err
	}
	go func(cmd *Cmd, ended chan struct{}) {
		defer close(ended)
		_ = cmd.Wait()
	}(s.cmd, s.ended)
	err = Eventually(s.ctx, "sshd listens", func() (bool, error) { return s.listensLocked(before) })
	if err != nil {
		return errors.Join(err, s.stopLocked())
	}
	return nil
}

// errPortTaken says that another program has sshd's port at one of its
// addresses at least. Sshd itself is content with any one address.
var errPortTaken = errors.New("address already in use")

// listensLocked reports whether the listener is ready at all its addresses. It
// goes by the listener's title: a probing connection would be counted. The log
// behind its first bytes is about this start.
func (s *Sshd) listensLocked(logged int) (bool, error) {
	select {
	case <-s.ended:
		return false, fmt.Errorf("sshd ended: %v: %w", s.cmd.ProcessState, s.causeLocked(logged))
	default:
	}
	p, ok := readProc(fmt.Sprintf("/proc/%d", s.cmd.Process.Pid))
	if !ok || !strings.Contains(strings.Join(p.Args, " "), "[listener]") {
		return false, nil
	}
	if err := s.causeLocked(logged); errors.Is(err, errPortTaken) {
		return false, err
	}
	return true, nil
}

// causeLocked returns the log after its first bytes as an error.
func (s *Sshd) causeLocked(logged int) error {
	log := s.Log()[logged:]
	if strings.Contains(log, "Address already in use") {
		return fmt.Errorf("%w: %s", errPortTaken, log)
	}
	return errors.New(log)
}

func (s *Sshd) file(name string) string { return filepath.Join(s.dir, name) }

// Log returns what sshd has logged since its first start.
func (s *Sshd) Log() string {
	log, _ := os.ReadFile(s.file("log"))
	return string(log)
}

// Connections returns how many TCP connections it has accepted since its first
// start, without those that ended before a word: a client that dials two
// addresses, since the first is slow, drops one of them. It needs LogLevel
// VERBOSE, the default here, or more.
func (s *Sshd) Connections() int { return connections(s.Log()) }

// peerLine is a line about a connection, with the peer's address and port.
var peerLine = regexp.MustCompile(`(?m)^(.*?)(\S+ port \d+)\b(.*)$`)

// connections counts them in a log.
func connections(log string) (n int) {
	silent := make(map[string]bool) // by peer
	for _, m := range peerLine.FindAllStringSubmatch(log, -1) {
		peer := m[2]
		switch m[1] {
		case "Connection from ":
			n++
			silent[peer] = true
			continue
		case "Connection closed by ":
			if silent[peer] && m[3] == "" { // else " [preauth]": it came to a key exchange
				n--
			}
		}
		delete(silent, peer)
	}
	return n
}

// Stop ends the listener. Sessions live on, as they do when a service manager
// stops sshd.
func (s *Sshd) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopLocked()
}

func (s *Sshd) stopLocked() error {
	select {
	case <-s.ended:
		return nil
	default:
	}
	// While it is stopped, it adds no session to those that it leaves.
	err := s.cmd.Process.Signal(unix.SIGSTOP)
	s.orphans = s.sessionsLocked(s.orphans)
	for _, signal := range []os.Signal{unix.SIGTERM, unix.SIGCONT} {
		err = errors.Join(err, s.cmd.Process.Signal(signal))
	}
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	<-s.ended
	return err
}

// Restart ends the listener, not the sessions, and starts it again. After Stop
// it only starts it.
func (s *Sshd) Restart() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.stopLocked(); err != nil {
		return err
	}
	return s.startLocked()
}

// NewHostKey replaces the host keys by new ones, for new connections.
func (s *Sshd) NewHostKey() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.stopLocked(); err != nil {
		return err
	}
	if err := s.makeHostKeys(); err != nil {
		return err
	}
	return s.startLocked()
}

// KillSessions kills (SIGKILL) every process that sshd has for a connection,
// also those from before a Restart, but not the listener and not what users
// run. It returns when they are gone. It stops all of them first: one that
// forks meanwhile would leave a child that nobody finds.
func (s *Sshd) KillSessions() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sessions := s.orphans
	s.orphans = nil
	for stopped := -1; stopped < len(sessions); {
		stopped = len(sessions)
		sessions = s.sessionsLocked(sessions)
		for _, pid := range sessions[stopped:] {
			_ = unix.Kill(pid, unix.SIGSTOP) // it may have ended
		}
	}
	return killEvery(func(p Proc) bool {
		return slices.Contains(sessions, p.PID) && isSession(p)
	})
}

// sessionsLocked returns the known processes and those below them and the
// listener that are sshd's own: for each connection a privileged monitor and,
// after authentication, one that has become the user.
func (s *Sshd) sessionsLocked(known []int) []int {
	all := processes(func(Proc) bool { return true })
	found := slices.Clone(known)
	for parents := append([]int{s.cmd.Process.Pid}, found...); len(parents) > 0; parents = parents[1:] {
		for _, p := range all {
			if p.PPID == parents[0] && isSession(p) && !slices.Contains(found, p.PID) {
				found = append(found, p.PID)
				parents = append(parents, p.PID)
			}
		}
	}
	return found
}

// isSession tells sshd's own processes from those that it has started. From
// OpenSSH 9.8 on its own are those of sshd-session and sshd-auth.
func isSession(p Proc) bool { return strings.HasPrefix(p.Name, "sshd") }
