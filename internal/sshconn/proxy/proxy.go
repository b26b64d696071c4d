package proxy

import (
	"cmp"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/secret"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/helper"
)

// HoldBack is how long a line that a proxy writes waits for what comes after it.
// Tests change it.
var HoldBack = time.Second

// Process is a child process whose standard input and output are the connection.
// It has a process group of its own, so that what it starts ends with it.
type Process struct {
	command string
	cmd     *exec.Cmd
	in      *os.File // we write; nil if the proxy hands over a socket
	out     *os.File // we read
	stderr  *child.Lines
	ended   chan struct{} // closed once the child is reaped
	close   sync.Once
	hops    *hops // nil if it needs nothing
}

// command returns the command line that reaches the destination, or nil if there
// is no proxy. A ProxyCommand runs as ssh runs it.
func command(cfg *sshconfig.Config, opts *sshconn.Options) ([]string, error) {
	if cfg.ProxyJump != "" {
		args, err := cfg.JumpArgs()
		if err != nil {
			return nil, err
		}
		return slices.Insert(args, 1, helper.JumpOptions(opts)...), nil
	}
	command := cfg.ProxyShellCommand()
	if command == "" {
		return nil, nil
	}
	shell := opts.Env.Get("SHELL")
	if shell == "" {
		shell = "/bin/sh"
	}
	return []string{shell, "-c", "exec " + command}, nil
}

// Clocks are those of the attempt that has the proxy.
type Clocks struct {
	Deadline time.Time
	Pause    func() (resume func()) // while a person answers what a hop asks
	Fail     func()                 // ends the attempt
}

// Start runs the proxy that reaches the destination and returns the connection
// through it. p is nil if there is none, or if it has handed over the connection
// and ended (ProxyUseFdpass); conn is nil if the destination is reached directly.
// From then on, what the proxy has said is shown before a question by opts.
func Start(ctx context.Context, cfg *sshconfig.Config, opts *sshconn.Options, clocks Clocks) (p *Process, conn net.Conn, err error) {
	args, err := command(cfg, opts)
	if err != nil || args == nil {
		return nil, nil, err
	}
	opts.Log.Debug().Str("program", args[0]).Msg("connecting through a proxy") // its arguments may hold a secret
	p = newProcess(cfg, opts, args)
	p.equip(cfg, opts, clocks)
	if cfg.ProxyUseFdpass && cfg.ProxyJump == "" {
		conn, err := p.handOver(ctx, clocks.Deadline)
		return nil, conn, err
	}
	if err := p.start(); err != nil {
		p.Leave()
		return nil, nil, p.failedToStart(err)
	}
	return p, pipes{p}, nil
}

// newProcess makes a proxy that is still to be started.
func newProcess(cfg *sshconfig.Config, opts *sshconn.Options, args []string) *Process {
	command := cmp.Or(cfg.ProxyShellCommand(), strings.Join(args, " "))
	p := &Process{command: command, stderr: &child.Lines{Log: opts.Log, From: "proxy", HoldBack: HoldBack}, ended: make(chan struct{})}
	if opts.Tell != nil {
		p.stderr.Tell = programSays(opts.Tell)
		opts.Ask = after(p.stderr.Show, opts.Ask)
		opts.Prompt = after(p.stderr.Show, opts.Prompt)
	}
	p.cmd = opts.Env.Command(context.Background(), args[0], args[1:]...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stderr = p.stderr
	p.cmd.WaitDelay = child.Grace // what it left behind may hold stderr
	return p
}

// after returns ask with first called before it; nil if ask is nil.
func after[Q, A any](first func(), ask func(context.Context, Q) (A, error)) func(context.Context, Q) (A, error) {
	if ask == nil {
		return nil
	}
	return func(ctx context.Context, q Q) (A, error) {
		first()
		return ask(ctx, q)
	}
}

// Leave ends what the proxy has of the attempt, which is over: it shows nothing
// more of what the proxy says, and its hops ask no more.
func (p *Process) Leave() {
	if p == nil {
		return
	}
	p.stderr.Hush()
	p.hops.close()
}

// Serve answers what the hops ask until the function that it returns is called.
func (p *Process) Serve(ctx context.Context) (end func()) {
	if p == nil || p.hops == nil || p.hops.questions == nil {
		return func() {}
	}
	return p.hops.questions.Serve(ctx, p.hops.listener)
}

// Refused returns why a person ended the attempt, or nil.
func (p *Process) Refused() error {
	if p == nil || p.hops == nil || p.hops.questions == nil {
		return nil
	}
	return p.hops.questions.Failure()
}

// Typed reports whether a hop needed something that was typed.
func (p *Process) Typed() bool {
	return p != nil && p.hops != nil && p.hops.questions != nil && p.hops.questions.Typed()
}

func (p *Process) reap() {
	defer close(p.ended)
	_ = p.cmd.Wait() // ProcessState has the outcome
	p.stderr.End()
}

func (p *Process) failedToStart(err error) error {
	return &sshconn.ProxyError{Command: p.command, Status: -1, Message: err.Error()}
}

// start makes the pipes and starts the child. It closes the child's ends here, so
// that the stream ends when the child does.
func (p *Process) start() error {
	childIn, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer childIn.Close()
	out, childOut, err := os.Pipe()
	if err != nil {
		return errors.Join(err, in.Close())
	}
	defer childOut.Close()
	p.in, p.out = in, out
	p.cmd.Stdin, p.cmd.Stdout = childIn, childOut
	if err := p.cmd.Start(); err != nil {
		return errors.Join(err, in.Close(), out.Close())
	}
	secret.Started(p.cmd.Process)
	go p.reap()
	return nil
}

// end ends the child and returns when it is reaped.
func (p *Process) end() {
	p.close.Do(func() {
		p.in.Close()
		p.out.Close()
		child.EndGroup(p.cmd, p.ended)
	})
}

// Failure returns why the proxy failed. It is nil if there is no proxy, or if the
// proxy does not end by itself within a short time.
func (p *Process) Failure(ctx context.Context) error {
	if p == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, child.Grace)
	defer cancel()
	select {
	case <-p.ended:
		return &sshconn.ProxyError{Command: p.command, Status: p.cmd.ProcessState.ExitCode(), Message: p.stderr.Last()}
	case <-ctx.Done():
		return nil
	}
}

// pipes is the connection through a proxy.
type pipes struct{ *Process }

func (p pipes) Read(b []byte) (int, error)  { return p.out.Read(b) }
func (p pipes) Write(b []byte) (int, error) { return p.in.Write(b) }
func (p pipes) Close() error                { p.end(); return nil }
func (p pipes) LocalAddr() net.Addr         { return Addr{} }
func (p pipes) RemoteAddr() net.Addr        { return Addr{} }
func (p pipes) SetDeadline(t time.Time) error {
	return errors.Join(p.in.SetDeadline(t), p.out.SetDeadline(t))
}
func (p pipes) SetReadDeadline(t time.Time) error  { return p.out.SetReadDeadline(t) }
func (p pipes) SetWriteDeadline(t time.Time) error { return p.in.SetWriteDeadline(t) }

// Addr stands for an address that is not known.
type Addr struct{}

// Network returns "proxy".
func (Addr) Network() string { return "proxy" }
func (Addr) String() string  { return "proxy" }

// programSays returns a function that tells a line of a program, nil if nobody is
// there.
func programSays(tell func(sshconn.Notice)) func(line string) {
	if tell == nil {
		return nil
	}
	return func(line string) { tell(sshconn.Notice{Kind: sshconn.NoticeProgram, Text: sshconn.Bounded(line)}) }
}
