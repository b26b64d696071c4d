//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Proc is a running process.
type Proc struct {
	PID  int
	PPID int
	UID  int
	// Name is the kernel's name for it, at most 15 bytes.
	Name string
	Args []string
}

// String returns the process as a line of ps would show it.
func (p Proc) String() string {
	return fmt.Sprintf("%d uid=%d (%s) %s", p.PID, p.UID, p.Name, strings.Join(p.Args, " "))
}

// Processes returns the processes that run on the machine, whoever owns them.
func (m *Machine) Processes() []Proc {
	return processes(func(p Proc) bool { return m.place.has(p.PID) })
}

// Processes returns the user's processes, on every machine.
func (u *User) Processes() []Proc {
	return processes(func(p Proc) bool { return p.UID == u.UID })
}

// WaitGone waits until the user has no process whose command line contains the
// word, or none at all if it is empty. The error lists those that are left.
func (u *User) WaitGone(ctx context.Context, word string) error {
	var left []Proc
	err := Eventually(ctx, "processes gone", func() (bool, error) {
		left = slices.DeleteFunc(u.Processes(), func(p Proc) bool {
			return !strings.Contains(strings.Join(p.Args, " "), word)
		})
		return len(left) == 0, nil
	})
	if err != nil {
		return fmt.Errorf("%w; left: %v", err, left)
	}
	return nil
}

// has reports whether the process is in the place's network namespace.
func (p *place) has(pid int) bool {
	var st unix.Stat_t
	err := unix.Stat(fmt.Sprintf("/proc/%d/ns/net", pid), &st)
	return err == nil && st.Ino == p.netID
}

// processes lists the living processes that match. Zombies are dead: only their
// parent has not looked yet. Match gets no arguments.
func processes(match func(Proc) bool) []Proc {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var found []Proc
	for _, dir := range dirs {
		if p, ok := readStatus(dir); ok && match(p) {
			p.readArgs(dir)
			found = append(found, p)
		}
	}
	return found
}

// readProc reads /proc/PID.
func readProc(dir string) (Proc, bool) {
	p, ok := readStatus(dir)
	if ok {
		p.readArgs(dir)
	}
	return p, ok
}

// readStatus reads /proc/PID/status as proc(5) describes it. The directory's
// owner would not do: it is not the process's user if that is not dumpable, as
// ssh-agent is not.
func readStatus(dir string) (Proc, bool) {
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return Proc{}, false
	}
	var p Proc
	for line := range strings.Lines(string(status)) {
		key, value, _ := strings.Cut(line, ":")
		fields := strings.Fields(value)
		if len(fields) == 0 {
			continue
		}
		switch key {
		case "Name":
			p.Name = strings.TrimSpace(value)
		case "Pid":
			p.PID, _ = strconv.Atoi(fields[0])
		case "PPid":
			p.PPID, _ = strconv.Atoi(fields[0])
		case "Uid":
			p.UID, _ = strconv.Atoi(fields[0])
		case "State":
			if fields[0] == "Z" || fields[0] == "X" {
				return Proc{}, false
			}
		}
	}
	return p, p.PID != 0
}

func (p *Proc) readArgs(dir string) {
	args, _ := os.ReadFile(dir + "/cmdline")
	if args = bytes.TrimRight(args, "\x00"); len(args) > 0 {
		p.Args = strings.Split(string(args), "\x00")
	}
}

// killAll kills what runs in the lab until nothing does.
func (l *Lab) killAll() error {
	return killEvery(func(p Proc) bool {
		if p.PID == os.Getpid() {
			return false
		}
		for _, u := range l.users {
			if p.UID == u.UID {
				return true
			}
		}
		for _, m := range l.machines {
			if m.place.has(p.PID) {
				return true
			}
		}
		return false
	})
}

// killEvery kills what matches until nothing does: a process may have forked
// just before.
func killEvery(match func(Proc) bool) error {
	var left []Proc
	err := Eventually(context.Background(), "processes killed", func() (bool, error) {
		left = processes(match)
		for _, p := range left {
			if err := unix.Kill(p.PID, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
				return false, fmt.Errorf("kill %v: %w", p, err)
			}
		}
		return len(left) == 0, nil
	})
	if err != nil {
		return fmt.Errorf("%w; left: %v", err, left)
	}
	return nil
}
