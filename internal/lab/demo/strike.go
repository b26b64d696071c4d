//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/mosha-ssh/mosha/internal/lab"
	"golang.org/x/sys/unix"
)

// strike takes the stage down: keeper, what is left of sessions, sshd, agent, files.
func (s *stage) strike() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	// The keeper ends by itself after its last session. This is for the others, and it does not matter if it is gone.
	_ = s.command(ctx, "stop", "--all").Run()
	err := s.killRest(ctx)
	if s.sshd != nil {
		err = errors.Join(err, s.sshd.Stop(), s.sshd.KillSessions())
	}
	if s.agent != nil {
		err = errors.Join(err, s.agent.Process.Kill())
		_ = s.agent.Wait() // says that it was killed
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// killRest kills every process whose home is on the stage. A mosh-server whose client was killed would wait for it for
// ever, and a person may have left something running in the session.
func (s *stage) killRest(ctx context.Context) error {
	return lab.Eventually(ctx, "the end of the demo's processes", func() (bool, error) {
		left := s.processes()
		for _, pid := range left {
			_ = unix.Kill(pid, unix.SIGKILL) // it may have just ended
		}
		return len(left) == 0, nil
	})
}

// processes returns those that have the stage's laptop or devbox as HOME: proc(5), environ.
func (s *stage) processes() []int {
	home := []byte("\x00HOME=" + s.dir + "/")
	files, _ := filepath.Glob("/proc/[0-9]*/environ") // the pattern is right, and that is all it reports
	var found []int
	for _, file := range files {
		environ, err := os.ReadFile(file)
		if err != nil { // someone else's, or gone
			continue
		}
		if bytes.Contains(append([]byte{0}, environ...), home) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			found = append(found, pid)
		}
	}
	return found
}
