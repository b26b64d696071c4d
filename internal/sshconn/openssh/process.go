package openssh

import (
	"context"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/secret"
)

// process is an ssh that is a ControlMaster. It has a process group of its
// own, so that what it starts ends with it.
//
//	started --auth done, control socket made--> ready --> ended
//	   \_______________________________________________/
//
// ssh turns its standard output to /dev/null once it listens on its control
// socket (ssh.c, ssh_session2), so the end of that output tells when.
type process struct {
	cmd    *exec.Cmd
	stderr *stderr
	ready  chan struct{} // closed when it listens, or when it has ended
	ended  chan struct{} // closed once it is reaped
	warden *warden       // of an ssh that is run by another program; else nil
	once   sync.Once

	getReady func() // closes ready; may be called more than once
}

// newProcess makes an ssh that is still to start. words reads its standard error.
func newProcess(cmd *exec.Cmd, env []string, words *stderr) *process {
	p := &process{cmd: cmd, stderr: words, ready: make(chan struct{}), ended: make(chan struct{})}
	p.getReady = sync.OnceFunc(func() { close(p.ready) })
	p.cmd.Env = env
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return p
}

// start starts it. The error is that of the system.
func (p *process) start() error {
	out, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	defer theirs.Close()
	said, says, err := os.Pipe()
	if err != nil {
		out.Close()
		return err
	}
	defer says.Close()
	p.cmd.Stdout, p.cmd.Stderr = theirs, says
	if err := p.cmd.Start(); err != nil {
		out.Close()
		said.Close()
		return err
	}
	secret.Started(p.cmd.Process)
	p.stderr.follow(said)
	go func() {
		defer p.getReady()
		_, _ = io.Copy(io.Discard, out)
		out.Close()
	}()
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // ProcessState has the outcome
		p.stderr.finish()
	}()
	return nil
}

// endGrace is how long an ssh that has closed its output may take to end by
// itself.
const endGrace = 5 * time.Second

// letEnd waits until the process has ended by itself, for endGrace at most.
func (p *process) letEnd(ctx context.Context) {
	grace := time.NewTimer(endGrace)
	defer grace.Stop()
	select {
	case <-p.ended:
	case <-grace.C:
	case <-ctx.Done():
	}
}

// end ends the process and returns when it is reaped.
func (p *process) end() {
	p.once.Do(func() {
		p.warden.dismiss()
		child.EndGroup(p.cmd, p.ended)
	})
	<-p.ended
}

// killed reports whether a signal ended it.
func (p *process) killed() bool {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled()
}
