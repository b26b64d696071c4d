//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// adoptOrphans makes this process the parent of all that it has started and
// whose own parent ends: keeper, mosh-server, and what a person leaves running
// in a session. So descendants finds them.
func adoptOrphans() error {
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}

// strike takes the stage down: keeper, what is left of sessions, sshd, agent,
// files.
func (s *stage) strike() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	// The keeper ends by itself after its last session, so it does not matter
	// what this says.
	_ = s.command(ctx, "stop", "--all").Run()
	var err error
	if s.sshd != nil {
		err = s.sshd.Stop()
	}
	if s.agent != nil {
		err = errors.Join(err, s.agent.Process.Kill())
		_ = s.agent.Wait() // says that it was killed
	}
	return errors.Join(err, endDescendants(ctx), os.RemoveAll(s.dir))
}

// endDescendants ends what still runs. What is asked first can clean up: sshd
// removes the directory of its agent socket. A mosh-server whose client was
// killed takes longer than that.
func endDescendants(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if endWith(ctx, unix.SIGTERM) == nil {
		return nil
	}
	return endWith(context.WithoutCancel(ctx), unix.SIGKILL)
}

func endWith(ctx context.Context, signal unix.Signal) error {
	return lab.Eventually(ctx, "the end of the demo's processes", func() (bool, error) {
		left := descendants()
		for _, pid := range left {
			_ = unix.Kill(pid, signal) // it may have just ended
		}
		return len(left) == 0, nil
	})
}

// descendants returns the living processes below this one.
func descendants() []int {
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is right, and that is all it reports
	parents := make(map[int]int)
	for _, file := range files {
		if pid, parent, ok := readStat(file); ok {
			parents[pid] = parent
		}
	}
	var found []int
	for pid := range parents {
		for up := parents[pid]; up != 0; up = parents[up] {
			if up == os.Getpid() {
				found = append(found, pid)
				break
			}
		}
	}
	return found
}

// readStat reads proc(5), stat: "pid (name) state parent ...", in which the
// name may contain anything. A process in state Z has ended, only its parent
// has not asked yet.
func readStat(file string) (pid, parent int, ok bool) {
	stat, err := os.ReadFile(file)
	if err != nil { // gone
		return 0, 0, false
	}
	var state byte
	_, pidErr := fmt.Sscanf(string(stat), "%d", &pid)
	_, err = fmt.Sscanf(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " %c %d", &state, &parent)
	return pid, parent, pidErr == nil && err == nil && state != 'Z'
}
