package helper

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

const (
	// maxSocketPath is the longest path of a Unix socket that every supported
	// system takes: sun_path has 104 bytes on the BSDs and darwin, one for the
	// NUL.
	maxSocketPath = 103
	// bindSuffix is what ssh adds to its ControlPath while it makes the socket
	// (mux.c, muxserver_listen).
	bindSuffix = 17
	// dirPrefix begins the name of every Dir.
	dirPrefix = "ssh"
	// maxDirs is how many may be there at once: for the connection that does not
	// answer, for the one that is dialed beside it, and those that a crash left.
	maxDirs = 99
)

// Dir is the directory of one ssh that we run: its control socket if it is a
// master, the sockets over which it reaches this process, and the names under
// which it runs our program.
type Dir string

// Control is the control socket, which ssh makes.
func (d Dir) Control() string { return filepath.Join(string(d), "c") }

// Agent is our socket to which ssh forwards agent channels.
func (d Dir) Agent() string { return filepath.Join(string(d), "a") }

// Pass is our socket from which our program gets the connection for ssh.
func (d Dir) Pass() string { return filepath.Join(string(d), "p") }

// Ask is our socket to which our program brings what ssh asks.
func (d Dir) Ask() string { return filepath.Join(string(d), "q") }

// Forward is our socket to which ssh brings the connections of a listener on the
// server.
func (d Dir) Forward(n int) string { return filepath.Join(string(d), "f"+strconv.Itoa(n)) }

// Known is a known_hosts file of that ssh alone.
func (d Dir) Known() string { return filepath.Join(string(d), "k") }

// PassProgram is the name of our program that hands ssh its connection.
func (d Dir) PassProgram() string { return filepath.Join(string(d), passName) }

// AskProgram is the name of our program that asks.
func (d Dir) AskProgram() string { return filepath.Join(string(d), askName) }

func (d Dir) jumpProgram() string { return filepath.Join(string(d), jumpName) }

// NewDir makes a directory below parent, which nobody else may be able to enter.
// program is the path of ours.
func NewDir(parent, program string) (Dir, error) {
	for n := 1; n <= maxDirs; n++ {
		dir := Dir(filepath.Join(parent, dirPrefix+strconv.Itoa(n)))
		if path := dir.Control(); len(path)+bindSuffix > maxSocketPath {
			return "", &sshconn.PathError{Path: path}
		}
		err := os.Mkdir(string(dir), 0o700)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			err = errors.Join(os.Symlink(program, dir.PassProgram()), os.Symlink(program, dir.AskProgram()), os.Symlink(program, dir.jumpProgram()))
		}
		if err != nil {
			dir.Remove()
			return "", err
		}
		return dir, nil
	}
	return "", fs.ErrExist
}

// Remove removes the directory and all in it.
func (d Dir) Remove() { _ = os.RemoveAll(string(d)) }

// Listen makes one of our sockets in the directory.
func (d Dir) Listen(path string) (*net.UnixListener, error) {
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}

// RemoveDirs removes the directories below parent that a killed keeper has left.
// None of them may be in use.
func RemoveDirs(parent string) {
	entries, _ := os.ReadDir(parent)
	for _, entry := range entries {
		number, ok := strings.CutPrefix(entry.Name(), dirPrefix)
		if _, err := strconv.Atoi(number); ok && err == nil && entry.IsDir() {
			Dir(filepath.Join(parent, entry.Name())).Remove()
		}
	}
}
