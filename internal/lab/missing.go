//go:build linux

package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Missing lists what the lab needs and does not find on this computer.
type Missing struct {
	// What has one entry for each: "root", "/dev/net/tun" or a program's name.
	What []string
}

// Error names all that is missing.
func (m *Missing) Error() string {
	return "the lab needs " + strings.Join(m.What, ", ")
}

// programs are what the lab or the tests in it run.
var programs = []string{
	"ip", "useradd", "userdel",
	"sshd", "ssh", "ssh-keygen", "ssh-agent", "ssh-add",
	"mosh", "mosh-client", "mosh-server",
}

// checkMissing returns a *Missing error unless all is there.
func checkMissing() error {
	var what []string
	if os.Geteuid() != 0 {
		what = append(what, "root")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		what = append(what, "/dev/net/tun")
	}
	for _, name := range programs {
		if _, err := findProgram(name); err != nil {
			what = append(what, name)
		}
	}
	if what != nil {
		return &Missing{What: what}
	}
	return nil
}

// findProgram returns the absolute path of a program in PATH or in one of the
// system directories, which are not in every root's PATH.
func findProgram(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return filepath.Abs(path)
	}
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", &Missing{What: []string{name}}
}
