//go:build linux

package lab

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// SshdConfig configures an sshd. The zero value is a usual one.
type SshdConfig struct {
	// Port is 22 on a machine, and a free one outside, if it is 0.
	Port int
	// HostKeys are the types of the host keys: ed25519 (the default), rsa,
	// ecdsa.
	HostKeys []string
	// Extra are lines of sshd_config(5). A keyword in them replaces the lab's
	// own setting of it, if there is one. Match blocks come last.
	Extra []string
	// AuthorizedKeysFile is by default the user's own .ssh/authorized_keys.
	AuthorizedKeysFile string
	// LogLevel is VERBOSE by default.
	LogLevel string
	// Dir takes the host keys, the configuration and the log. It is for
	// StartSshd only.
	Dir string
}

// settings are the lab's own lines of sshd_config, which Extra may replace.
func (s *Sshd) settings() []string {
	c := s.config
	lines := []string{
		fmt.Sprintf("Port %d", s.Port),
		"PidFile none",
		"UsePAM no",
		"PasswordAuthentication no",
		"KbdInteractiveAuthentication no",
		"PrintMotd no",
		"MaxStartups 1000",
		"Subsystem sftp internal-sftp",
		// Until 9.8 OpenSSH's sntrup takes as much CPU as all else of a login.
		"KexAlgorithms -sntrup*",
		"LogLevel " + orElse(c.LogLevel, "VERBOSE"),
		"AuthorizedKeysFile " + orElse(c.AuthorizedKeysFile, ".ssh/authorized_keys"),
	}
	if s.version.AtLeast(9, 8) {
		// Tests end connections as they come. Before, sshd does not know the
		// word.
		lines = append(lines, "PerSourcePenalties no")
	}
	if s.machine == nil {
		// The keys are in a throwaway directory, whose parents anyone may
		// write.
		lines = append(lines, "StrictModes no", "ListenAddress 127.0.0.1", "ListenAddress ::1")
	}
	return lines
}

func orElse(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// writeConfig writes sshd_config. In it the first value of a keyword counts.
func (s *Sshd) writeConfig() error {
	given := make(map[string]bool)
	for _, line := range s.config.Extra {
		given[keyword(line)] = true
	}
	lines := slices.DeleteFunc(s.settings(), func(line string) bool { return given[keyword(line)] })
	for _, keyType := range s.hostKeyTypes() {
		lines = append(lines, "HostKey "+s.hostKey(keyType))
	}
	lines = append(lines, s.config.Extra...)
	if err := makePrivsepDir(); err != nil {
		return err
	}
	return os.WriteFile(s.file("config"), []byte(strings.Join(lines, "\n")+"\n"), 0o600)
}

func keyword(line string) string {
	fields := strings.Fields(line)
	if len(fields) == 0 {
		return ""
	}
	return strings.ToLower(fields[0])
}

// makePrivsepDir makes the directory that root's sshd insists on. The
// distribution's service makes it only when it starts.
func makePrivsepDir() error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.MkdirAll("/run/sshd", 0o755)
}

func (s *Sshd) hostKeyTypes() []string {
	if len(s.config.HostKeys) == 0 {
		return []string{"ed25519"}
	}
	return s.config.HostKeys
}

func (s *Sshd) hostKey(keyType string) string { return s.file("host_" + keyType) }

func (s *Sshd) makeHostKeys() error {
	program, err := findProgram("ssh-keygen")
	if err != nil {
		return err
	}
	for _, keyType := range s.hostKeyTypes() {
		file := s.hostKey(keyType)
		for _, old := range []string{file, file + ".pub"} {
			if err := os.RemoveAll(old); err != nil {
				return err
			}
		}
		out, err := exec.Command(program, append(keyKind(keyType), "-q", "-N", "", "-C", "", "-f", file)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ssh-keygen: %w: %s", err, out)
		}
	}
	return nil
}

// HostKeyLines returns lines for known_hosts, one for each host key, that are
// valid for these names at the sshd's port.
func (s *Sshd) HostKeyLines(names ...string) ([]string, error) {
	hosts := make([]string, len(names))
	for i, name := range names {
		hosts[i] = name
		if s.Port != 22 {
			hosts[i] = fmt.Sprintf("[%s]:%d", name, s.Port)
		}
	}
	var lines []string
	for _, keyType := range s.hostKeyTypes() {
		pub, err := os.ReadFile(s.hostKey(keyType) + ".pub")
		if err != nil {
			return nil, err
		}
		lines = append(lines, strings.Join(hosts, ",")+" "+strings.TrimSpace(string(pub)))
	}
	return lines, nil
}

// freePort returns a TCP port that was free on loopback a moment ago.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
