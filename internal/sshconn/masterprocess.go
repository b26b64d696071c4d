package sshconn

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"

	"github.com/rs/zerolog"
)

// sshProcess is an ssh that is a ControlMaster. It has a process group of its
// own, so that what it starts ends with it.
//
//	started --auth done, control socket made--> ready --> ended
//	   \_______________________________________________/
//
// ssh turns its standard output to /dev/null once it listens on its control
// socket (ssh.c, ssh_session2), so the end of that output tells when.
type sshProcess struct {
	cmd    *exec.Cmd
	stderr *sshWords
	ready  chan struct{} // closed when it listens, or when it has ended
	ended  chan struct{} // closed once it is reaped
	once   sync.Once
}

// startSSH starts ssh. The error is that of the system.
func startSSH(args, env []string, log zerolog.Logger) (*sshProcess, error) {
	p := &sshProcess{stderr: &sshWords{log: log}, ready: make(chan struct{}), ended: make(chan struct{})}
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Env = env
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stderr = p.stderr
	p.cmd.WaitDelay = proxyGrace // what it left behind may hold stderr
	out, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	p.cmd.Stdout = theirs
	if err := p.cmd.Start(); err != nil {
		out.Close()
		return nil, err
	}
	go func() {
		defer close(p.ready)
		_, _ = io.Copy(io.Discard, out)
		out.Close()
	}()
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // ProcessState has the outcome
	}()
	return p, nil
}

// end ends the process and returns when it is reaped.
func (p *sshProcess) end() {
	p.once.Do(func() { endGroup(p.cmd, p.ended) })
	<-p.ended
}

// killed says whether it was ended from here.
func (p *sshProcess) killed() bool {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled()
}

const (
	maxSSHLine  = 2 << 10 // bytes of one line that are kept
	maxSSHLines = 200     // lines of one ssh that are kept and logged
)

// sshWords keeps the first lines that an ssh writes to its standard error, and
// logs what a person would see of them. A server can have it write any number.
type sshWords struct {
	log zerolog.Logger

	mu      sync.Mutex
	partial []byte
	lines   []string
	final   string // the last line with text, kept or not
}

func (w *sshWords) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range b {
		if c == '\n' {
			w.endLocked()
		} else if len(w.partial) < maxSSHLine {
			w.partial = append(w.partial, c)
		}
	}
	return len(b), nil
}

func (w *sshWords) endLocked() {
	line := strings.TrimSpace(printable(string(w.partial)))
	w.partial = w.partial[:0]
	if line == "" {
		return
	}
	debug := isDebug(line)
	if !debug {
		w.final = line
	}
	if len(w.lines) >= maxSSHLines {
		return
	}
	w.lines = append(w.lines, line)
	if !debug {
		w.log.Info().Str("stderr", line).Msg("ssh")
	}
}

// isDebug says whether a line is one for debugging. There are many, so they are
// logged only of an ssh that has failed.
func isDebug(line string) bool { return strings.HasPrefix(line, "debug") }

// logDebug logs the kept lines for debugging.
func (w *sshWords) logDebug() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, line := range w.lines {
		if isDebug(line) {
			w.log.Debug().Str("stderr", line).Msg("ssh")
		}
	}
}

// said returns the lines that are kept, and the last one that was written,
// debugging apart.
func (w *sshWords) said() (lines []string, final string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.partial) > 0 {
		w.endLocked()
	}
	return w.lines, w.final
}
