package sshconn

import (
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
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

// startSSH starts ssh, whose standard error is for words. The error is that of
// the system.
func startSSH(args, env []string, words *sshWords) (*sshProcess, error) {
	p := &sshProcess{stderr: words, ready: make(chan struct{}), ended: make(chan struct{})}
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Env = env
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	said, says, err := os.Pipe()
	if err != nil {
		out.Close()
		return nil, err
	}
	defer says.Close()
	p.cmd.Stdout, p.cmd.Stderr = theirs, says
	if err := p.cmd.Start(); err != nil {
		out.Close()
		said.Close()
		return nil, err
	}
	p.stderr.follow(said)
	go func() {
		defer close(p.ready)
		_, _ = io.Copy(io.Discard, out)
		out.Close()
	}()
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // ProcessState has the outcome
		p.stderr.finish()
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
