package transport

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

	"github.com/mosha-ssh/mosha/internal/secret"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"

	"github.com/mosha-ssh/mosha/internal/child"
)

// heldBack is how long a line that a program writes waits for what comes after
// it. Tests change it.
var heldBack = time.Second

// proxy is a child process whose standard input and output are the connection.
// It has a process group of its own, so that what it starts ends with it.
type proxy struct {
	command string
	cmd     *exec.Cmd
	in      *os.File // we write; nil if the proxy hands over a socket
	out     *os.File // we read
	stderr  *child.Lines
	ended   chan struct{} // closed once the child is reaped
	close   sync.Once
}

// proxyCommand returns the command line that reaches the destination, nil if it
// is reached directly. ProxyCommand runs as ssh runs it.
func proxyCommand(cfg *sshconfig.Config, opts sshconn.Options) ([]string, error) {
	if cfg.ProxyJump != "" {
		args, err := cfg.JumpArgs()
		if err != nil {
			return nil, err
		}
		return slices.Insert(args, 1, jumpOptions(&opts)...), nil
	}
	command := cfg.ProxyShellCommand()
	if command == "" {
		return nil, nil
	}
	shell := os.Getenv("SHELL")
	if shell == "" {
		shell = "/bin/sh"
	}
	return []string{shell, "-c", "exec " + command}, nil
}

// newProxy makes a proxy that is still to be started. What it says until the
// dial's end goes to whoever is there; a question lets it be shown first.
func (d *dialer) newProxy(args []string) *proxy {
	command := cmp.Or(d.cfg.ProxyShellCommand(), strings.Join(args, " "))
	p := &proxy{command: command, stderr: &child.Lines{Log: d.opts.Log, From: "proxy", HoldBack: heldBack}, ended: make(chan struct{})}
	if d.opts.Tell != nil {
		p.stderr.Tell = programSays(d.opts.Tell)
		d.opts.Ask = after(p.stderr.Show, d.opts.Ask)
		d.opts.Prompt = after(p.stderr.Show, d.opts.Prompt)
	}
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stderr = p.stderr
	p.cmd.WaitDelay = child.Grace // what it left behind may hold stderr
	return p
}

// after returns a question that is put after something else was done; nil for
// nil.
func after[Q, A any](first func(), ask func(context.Context, Q) (A, error)) func(context.Context, Q) (A, error) {
	if ask == nil {
		return nil
	}
	return func(ctx context.Context, q Q) (A, error) {
		first()
		return ask(ctx, q)
	}
}

// leaveProxy ends, with the dial, what a proxy has of it.
func (d *dialer) leaveProxy() {
	if d.proxy != nil {
		d.proxy.stderr.Hush()
	}
	d.hops.close()
}

func (p *proxy) reap() {
	defer close(p.ended)
	_ = p.cmd.Wait() // ProcessState has the outcome
	p.stderr.End()
}

func (p *proxy) failedToStart(err error) error {
	return &sshconn.ProxyError{Command: p.command, Status: -1, Message: err.Error()}
}

// start makes the pipes and starts the child. The child's ends are closed here,
// so that its end is seen as the end of the stream.
func (p *proxy) start() error {
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

func (p *proxy) Read(b []byte) (int, error)  { return p.out.Read(b) }
func (p *proxy) Write(b []byte) (int, error) { return p.in.Write(b) }

// Close ends the child and returns when it is reaped.
func (p *proxy) Close() error {
	p.close.Do(func() {
		p.in.Close()
		p.out.Close()
		child.EndGroup(p.cmd, p.ended)
	})
	return nil
}

// failure is the error to report if the connection failed because of the
// proxy: nil if the proxy does not end by itself within a short time.
func (p *proxy) failure(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, child.Grace)
	defer cancel()
	select {
	case <-p.ended:
		return &sshconn.ProxyError{Command: p.command, Status: p.cmd.ProcessState.ExitCode(), Message: p.stderr.Last()}
	case <-ctx.Done():
		return nil
	}
}

func (p *proxy) SetDeadline(t time.Time) error {
	return errors.Join(p.in.SetDeadline(t), p.out.SetDeadline(t))
}
func (p *proxy) SetReadDeadline(t time.Time) error  { return p.out.SetReadDeadline(t) }
func (p *proxy) SetWriteDeadline(t time.Time) error { return p.in.SetWriteDeadline(t) }
func (p *proxy) LocalAddr() net.Addr                { return proxyAddr{} }
func (p *proxy) RemoteAddr() net.Addr               { return proxyAddr{} }

// proxyAddr stands for an address that is not known.
type proxyAddr struct{}

func (proxyAddr) Network() string { return "proxy" }
func (proxyAddr) String() string  { return "proxy" }

// programSays returns what tells a line of a program; nil if nobody is there.
func programSays(tell func(sshconn.Notice)) func(line string) {
	if tell == nil {
		return nil
	}
	return func(line string) { tell(sshconn.Notice{Kind: sshconn.NoticeProgram, Text: sshconn.Bounded(line)}) }
}
