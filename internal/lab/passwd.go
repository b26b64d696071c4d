//go:build linux

package lab

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	userPrefix = "moshalab"
	dirPrefix  = "/tmp/ml-"
	lockName   = "lock"
	hostsName  = "hosts"
	// passwdLock is held while a lab makes or removes users or its directory.
	passwdLock = "/run/moshalab.lock"
	passwdFile = "/etc/passwd"

	// Users get random numbers from this range, so that none soon gets the
	// number of one that was removed.
	minUID, maxUID = 20000, 60000
)

// makeDir removes the remains of dead labs, makes the lab's directory, and locks
// a file in it (flock(2)) for as long as the lab lives. That lock tells whether a
// directory belongs to a living lab, not its age nor a process id. A user belongs
// to the lab in whose directory its home is.
func (l *Lab) makeDir() error {
	global, err := lockFile(passwdLock, unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer global.Close()
	if err := reap(); err != nil {
		return err
	}
	l.dir = dirPrefix + randomName(6)
	if err := os.Mkdir(l.dir, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(l.dir, 0o755); err != nil {
		return err
	}
	l.lock, err = lockFile(l.path(lockName), unix.LOCK_EX)
	return err
}

// lockFile opens the file, which it makes if need be, and locks it.
func lockFile(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), how)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// alive reports whether the lab that made the directory still runs.
func alive(dir string) bool {
	f, err := os.Open(filepath.Join(dir, lockName))
	if err != nil {
		return false
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil
}

// reap removes the users and directories of labs that are dead.
func reap() error {
	dirs, err := deadDirs()
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if err := killEvery(func(p Proc) bool { return sees(p.PID, dir) }); err != nil {
			return err
		}
	}
	users, err := labUsers()
	if err != nil {
		return err
	}
	for _, u := range users {
		if dir := filepath.Dir(u.home); alive(dir) {
			continue
		}
		if err := killEvery(func(p Proc) bool { return p.UID == u.uid }); err != nil {
			return err
		}
		if err := deleteUser(u.name, u.uid); err != nil {
			return err
		}
	}
	for _, dir := range dirs {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// deadDirs returns the directories of labs that are dead.
func deadDirs() ([]string, error) {
	dirs, err := filepath.Glob(dirPrefix + "*")
	return slices.DeleteFunc(dirs, func(dir string) bool { return !ownedBy(dir, 0) || alive(dir) }), err
}

// sees reports whether the process is on a machine of the lab with that
// directory: there, /etc/hosts is the lab's. It is for root's processes, which
// have no user of the lab. A namespace's number would not do: the kernel uses
// it again.
func sees(pid int, dir string) bool {
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", pid))
	if err != nil {
		return false
	}
	hosts := "/" + filepath.Join(filepath.Base(dir), hostsName)
	for line := range strings.Lines(string(mounts)) {
		// proc_pid_mountinfo(5): id, parent, device, root, mount point, ...
		fields := strings.Fields(line)
		if len(fields) > 4 && fields[4] == "/etc/hosts" && strings.HasSuffix(fields[3], hosts) {
			return true
		}
	}
	return false
}

func ownedBy(path string, uid int) bool {
	info, err := os.Lstat(path)
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == uid
}

// account is a line of passwd(5).
type account struct {
	name, home string
	uid, gid   int
}

// labUsers returns the users of all labs, living and dead.
func labUsers() ([]account, error) {
	f, err := os.Open(passwdFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var users []account
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) != 7 || !strings.HasPrefix(fields[0], userPrefix) {
			continue
		}
		uid, err := strconv.Atoi(fields[2])
		if err != nil || !strings.HasPrefix(fields[5], dirPrefix) {
			continue
		}
		gid, err := strconv.Atoi(fields[3])
		if err != nil {
			continue
		}
		users = append(users, account{name: fields[0], home: fields[5], uid: uid, gid: gid})
	}
	return users, lines.Err()
}

// createUser makes a Unix user whose password is not locked but matches
// nothing. It does not make the home.
func createUser(home, shell string) (name string, err error) {
	const exitUIDTaken = 4 // useradd(8)
	global, err := lockFile(passwdLock, unix.LOCK_EX)
	if err != nil {
		return "", err
	}
	defer global.Close()
	for {
		name = userPrefix + randomName(8)
		err := passwd("useradd", "--no-create-home", "--user-group", "--password", "*",
			"--uid", strconv.Itoa(minUID+mathrand.IntN(maxUID-minUID)),
			"--home-dir", home, "--shell", shell, name)
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != exitUIDTaken {
			return name, err
		}
	}
}

func removeUser(name string, uid int) error {
	global, err := lockFile(passwdLock, unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer global.Close()
	return deleteUser(name, uid)
}

// deleteUser removes a user who runs nothing, and their files in /tmp.
func deleteUser(name string, uid int) error {
	if err := passwd("userdel", "--force", name); err != nil {
		return err
	}
	entries, err := os.ReadDir("/tmp")
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := filepath.Join("/tmp", e.Name())
		if !ownedBy(path, uid) {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

// passwd runs useradd or userdel. It tries again while something other than a
// lab holds the lock on the files.
func passwd(name string, args ...string) error {
	// useradd(8), userdel(8): can't update password file, group file
	const exitPasswd, exitGroup = 1, 10
	program, err := findProgram(name)
	if err != nil {
		return err
	}
	for attempt := 0; ; attempt++ {
		out, err := exec.Command(program, args...).CombinedOutput()
		if err == nil {
			return nil
		}
		var exit *exec.ExitError
		locked := errors.As(err, &exit) && (exit.ExitCode() == exitPasswd || exit.ExitCode() == exitGroup)
		if attempt == 100 || !locked {
			return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// randomName returns n random lower-case letters and digits.
func randomName(n int) string {
	return strings.ToLower(rand.Text())[:n]
}
