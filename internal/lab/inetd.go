//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// OtherServer is an SSH server that is not OpenSSH's. The lab listens for it,
// as inetd(8) does, and runs one process of it for each connection.
type OtherServer struct {
	Port    int
	HostKey string // as in a known_hosts line, after the names

	listener    net.Listener
	log         string
	connections atomic.Int32
}

// Dropbear runs dropbear(8) on the machine.
func (m *Machine) Dropbear(port int) (*OtherServer, error) {
	key := m.lab.path(fmt.Sprintf("dropbear%d.key", port))
	if _, err := m.makeKey("dropbearkey", "-t", "ed25519", "-f", key); err != nil {
		return nil, err
	}
	public, err := m.makeKey("dropbearkey", "-y", "-f", key)
	if err != nil {
		return nil, err
	}
	return m.serve(port, public, "dropbear", "-i", "-r", key)
}

// Tinysshd runs tinysshd(8) on the machine. It allows one session a connection.
// It trusts no home below a directory that others may write, sticky or not, so
// that root alone may write /tmp there from then on.
func (m *Machine) Tinysshd(port int) (*OtherServer, error) {
	if err := m.place.do(m.shieldTmp); err != nil {
		return nil, err
	}
	keys := m.lab.path(fmt.Sprintf("tinysshd%d.keys", port))
	if _, err := m.makeKey("tinysshd-makekey", keys); err != nil {
		return nil, err
	}
	public, err := m.makeKey("tinysshd-printkey", keys)
	if err != nil {
		return nil, err
	}
	return m.serve(port, public, "tinysshd", "-v", keys)
}

// shieldTmp replaces everybody's /tmp by one of root's, with nothing in it but
// the lab's directory.
func (m *Machine) shieldTmp() error {
	const aside = "/mnt"
	if err := unix.Mount(m.lab.dir, aside, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount the lab's directory: %w", err)
	}
	if err := unix.Mount("tmpfs", "/tmp", "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("mount /tmp: %w", err)
	}
	if err := os.Mkdir(m.lab.dir, 0o755); err != nil {
		return err
	}
	return unix.Mount(aside, m.lab.dir, "", unix.MS_MOVE, "")
}

// makeKey runs a program that makes or shows keys.
func (m *Machine) makeKey(name string, args ...string) (string, error) {
	program, err := findProgram(name)
	if err != nil {
		return "", err
	}
	out, err := m.Command(context.Background(), program, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return string(out), nil
}

// serve listens for a program whose host key is the line in shown that has one.
func (m *Machine) serve(port int, shown, name string, args ...string) (*OtherServer, error) {
	program, err := findProgram(name)
	if err != nil {
		return nil, err
	}
	s := &OtherServer{Port: port, log: m.lab.path(fmt.Sprintf("%s%d.log", name, port))}
	for line := range strings.Lines(shown) {
		if at := strings.Index(line, "ssh-ed25519 "); at >= 0 {
			s.HostKey = strings.TrimSpace(line[at:])
		}
	}
	if s.HostKey == "" {
		return nil, fmt.Errorf("%s: no host key in %q", name, shown)
	}
	if s.listener, err = m.Listen(fmt.Sprintf("0.0.0.0:%d", port)); err != nil {
		return nil, err
	}
	go func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.connections.Add(1)
			_ = s.spawn(m.Command(context.Background(), program, args...), conn)
		}
	}()
	return s, nil
}

// spawn runs the program for a connection, which is its standard input and
// output. Its standard error goes to the log.
func (s *OtherServer) spawn(cmd *Cmd, conn net.Conn) error {
	defer conn.Close()
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return errors.ErrUnsupported
	}
	file, err := tcp.File()
	if err != nil {
		return err
	}
	defer file.Close()
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = file, file, log
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait() }()
	return nil
}

// Connections returns how many connections there were.
func (s *OtherServer) Connections() int { return int(s.connections.Load()) }

// Log returns what its processes have logged.
func (s *OtherServer) Log() string {
	log, _ := os.ReadFile(s.log)
	return string(log)
}

// Stop ends the listener, not the connections. Those end with the lab.
func (s *OtherServer) Stop() error { return s.listener.Close() }
