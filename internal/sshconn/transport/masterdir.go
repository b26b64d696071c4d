package transport

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
	// bindSuffix is by how much the name is longer under which ssh first makes
	// its ControlPath (mux.c, muxserver_listen).
	bindSuffix = 17
	// masterPrefix begins the name of every masterDir.
	masterPrefix = "ssh"
	// maxMasters is how many may be there at once: the connection that does
	// not answer, the one that is dialed beside it, and what a crash left.
	maxMasters = 99
)

// masterDir is the directory of one ssh that is a ControlMaster: its control
// socket, the sockets over which it reaches this process, and the names under
// which it runs our program.
type masterDir string

func (d masterDir) control() string     { return filepath.Join(string(d), "c") }
func (d masterDir) agent() string       { return filepath.Join(string(d), "a") }
func (d masterDir) pass() string        { return filepath.Join(string(d), "p") }
func (d masterDir) ask() string         { return filepath.Join(string(d), "q") }
func (d masterDir) passProgram() string { return filepath.Join(string(d), passName) }
func (d masterDir) askProgram() string  { return filepath.Join(string(d), askName) }
func (d masterDir) jumpProgram() string { return filepath.Join(string(d), jumpName) }

// newMasterDir makes a directory of that kind below parent, which must be
// entered by nobody else. program is ours.
func newMasterDir(parent, program string) (masterDir, error) {
	for n := 1; n <= maxMasters; n++ {
		dir := masterDir(filepath.Join(parent, masterPrefix+strconv.Itoa(n)))
		if path := dir.control(); len(path)+bindSuffix > maxSocketPath {
			return "", &sshconn.PathError{Path: path}
		}
		err := os.Mkdir(string(dir), 0o700)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			err = errors.Join(os.Symlink(program, dir.passProgram()), os.Symlink(program, dir.askProgram()), os.Symlink(program, dir.jumpProgram()))
		}
		if err != nil {
			dir.remove()
			return "", err
		}
		return dir, nil
	}
	return "", fs.ErrExist
}

func (d masterDir) remove() { _ = os.RemoveAll(string(d)) }

// listen makes one of our sockets in the directory.
func (d masterDir) listen(path string) (*net.UnixListener, error) {
	return net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
}

// RemoveMasters removes what OpenSSH masters have left below parent because
// they and their keeper were killed. None of them may be in use.
func RemoveMasters(parent string) {
	entries, _ := os.ReadDir(parent)
	for _, entry := range entries {
		number, ok := strings.CutPrefix(entry.Name(), masterPrefix)
		if _, err := strconv.Atoi(number); ok && err == nil && entry.IsDir() {
			masterDir(filepath.Join(parent, entry.Name())).remove()
		}
	}
}
