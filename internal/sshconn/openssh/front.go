package openssh

import (
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"al.essio.dev/pkg/shellescape"

	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/helper"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey"
	"github.com/mosha-ssh/mosha/internal/sshconn/proxy"
)

// An ssh that another program runs (sshconfig.Config.Front) makes its connection
// itself, by its own configuration: the program may have another way for what ssh
// dials, and nothing of ours may go past it. So does an ssh that has to see the
// server's address (CheckHostIP, GSSAPITrustDns). There is no relay then, and we
// know of the connection what ssh says of it:
//
//	keeper ==sessions==> control socket -> ssh -> server
//	                                        ^ run by the program in front

// dialsItself reports whether ssh makes its connection itself.
func dialsItself(cfg *sshconfig.Config) bool {
	byAddress := cfg.CheckHostIP || cfg.GSSAPITrustDNS && (cfg.GSSAPIAuthentication || cfg.GSSAPIKeyExchange)
	return cfg.Front != "" || byAddress && !cfg.HasProxy()
}

// ownConn stands for the connection that ssh makes.
type ownConn struct {
	net.Conn // nil: nothing is read or written here
	remote   atomic.Pointer[net.TCPAddr]
}

func (*ownConn) Close() error        { return nil }
func (*ownConn) LocalAddr() net.Addr { return proxy.Addr{} }

// RemoteAddr returns the address that ssh has dialed. A program in front may make
// addresses up; what cannot be a machine's does not count.
func (c *ownConn) RemoteAddr() net.Addr {
	if addr := c.remote.Load(); addr != nil {
		return addr
	}
	return proxy.Addr{}
}

// What ssh says of a connection that it makes itself.
var (
	saysConnecting = regexp.MustCompile(`^debug1: Connecting to .* \[(.+)\] port (\d+)\.$`)
	saysVersion    = regexp.MustCompile(`^debug1: Remote protocol version \S+, remote software version (.*)$`)
)

const (
	saysHostKey  = "debug1: Server host key: "
	saysEntering = "debug1: Entering interactive session." // the control socket is there
)

// overhear follows a connection that ssh makes itself, as listen follows a
// relay. After its version a server can put any line into a banner, and a host
// on the way can at any time. So an address counts only before the version, and
// without hosts on the way.
func (d *dialer) overhear(line string) {
	d.fetched.Store(true) // ssh is there
	if m := saysConnecting.FindStringSubmatch(line); m != nil && !d.Stream.Seen().Version && !d.Config.HasProxy() {
		addr, err := netip.ParseAddr(m[1])
		port, _ := strconv.ParseUint(m[2], 10, 16)
		if conn, ok := d.Stream.Conn.(*ownConn); ok && err == nil && !addr.IsMulticast() && !addr.IsUnspecified() {
			conn.remote.Store(net.TCPAddrFromAddrPort(netip.AddrPortFrom(addr, uint16(port))))
		}
		d.Begin(sshconn.PhaseBanner)
	}
	if m := saysVersion.FindStringSubmatch(line); m != nil {
		d.Stream.OverheardVersion(strings.HasPrefix(m[1], "OpenSSH_"))
		d.Begin(sshconn.PhaseKex)
	}
	if strings.HasPrefix(line, saysHostKey) && !d.Stream.Seen().Secured {
		d.Stream.OverheardHostKey()
		d.BeginAuth()
	}
}

// startFronted starts an ssh by the program in front of it.
//
// If that gives ssh a terminal, as sshpass does, ssh asks there; else it asks by
// our program. The ssh to a jump host is one of ours, as always (helper.LeadOn).
func (d *dialer) startFronted(ctx context.Context, dir helper.Dir, env []string, words *stderr) (*process, error) {
	jump := d.Options.Env.Command(ctx, d.Config.JumpProgram())
	jump.Env = nil // but for what this adds:
	helper.LeadOn(jump, dir, helper.JumpOptions(&d.Options))
	way, err := d.ownWay(ctx, jump.Args[0])
	if err != nil {
		return nil, err
	}
	args := arguments(d.Config, dir, way, !d.Config.BatchMode, d.Options.Unattended())
	if d.Options.Env.Get("DISPLAY") == "" {
		env = append(env, "DISPLAY=none") // or ssh would not run SSH_ASKPASS
	}
	w, cmd, err := newWarden(d.Options.Env, args, d.Config.JumpProgram(), dir)
	if err != nil {
		return nil, err
	}
	p := newProcess(cmd, append(env, jump.Env...), words)
	p.warden = w
	words.heard = func(line string) {
		d.overhear(line)
		if line == saysEntering {
			d.entered.Store(true)
			p.getReady() // the program in front may have its standard output, too
		}
	}
	err = p.start()
	w.handOver()
	if err != nil {
		w.dismiss()
	}
	return p, err
}

// ownWay are the options of an ssh that makes its connection itself. It may not
// accept another host key than the known one: nobody here sees the key.
func (d *dialer) ownWay(ctx context.Context, jumpProgram string) ([]option, error) {
	var options []option
	if d.Config.StrictHostKeyChecking == "no" {
		const name, value = "StrictHostKeyChecking", hostkey.StrictAnyway
		with := append(slices.Clone(d.Config.Program()), "-o", name+"="+value)
		found, err := sshconfig.Resolve(ctx, d.Options.Env, with, d.Config.Dest)
		if err != nil {
			return nil, err
		}
		if found.StrictHostKeyChecking == "no" { // it is in a script, before what we say
			return nil, &sshconn.HostKeyError{Problem: sshconn.KeyUnseen, Host: hostkey.Name(d.Config)}
		}
		options = append(options, option{name, value})
	}
	jump, err := d.Config.JumpArgs()
	if err != nil || len(jump) == 0 {
		return options, err
	}
	words := slices.Concat([]string{jumpProgram}, helper.JumpOptions(&d.Options), jump[1:])
	return append(options, option{"ProxyCommand", escapePercent(shellescape.QuoteCommand(words))}, option{"ProxyUseFdpass", "no"}), nil
}

// wardenScript runs the program in front of ssh. It ends that program and ssh
// when this process closes the pipe on descriptor 3, or ends. The program may
// have put ssh into another process group or session, so the script first asks
// ssh, over its control socket, to exit. It closes descriptor 4 when that is
// done.
const wardenScript = `control=$1
shift
"$@" 3<&- 4>&- &
child=$!
exec >/dev/null 2>&1
{
	trap "" HUP INT TERM
	read -r end
	"$0" -F none -o "$control" -O exit mosha
	kill -s TERM "$child"
} <&3 &
guard=$!
exec 3<&- 4>&-
wait "$child"
code=$?
kill -s KILL "$guard"
exit "$code"
`

// wardenPatience is how long the script may take to end ssh.
const wardenPatience = 2 * time.Second

// warden is this process's side of wardenScript.
type warden struct {
	alive, done  *os.File
	theirs, says *os.File // the script's ends
}

// newWarden returns the command that runs args under the script. ssh is a program
// that can talk to a master.
func newWarden(env child.Env, args []string, ssh string, dir helper.Dir) (*warden, *exec.Cmd, error) {
	w := &warden{}
	var err error
	if w.theirs, w.alive, err = os.Pipe(); err != nil {
		return nil, nil, err
	}
	if w.done, w.says, err = os.Pipe(); err != nil {
		w.alive.Close()
		w.theirs.Close()
		return nil, nil, err
	}
	cmd := env.Command(context.Background(), "/bin/sh", append([]string{"-c", wardenScript, ssh, "ControlPath=" + pathValue(dir.Control())}, args...)...)
	cmd.ExtraFiles = []*os.File{w.theirs, w.says}
	return w, cmd, nil
}

// handOver closes the script's ends here.
func (w *warden) handOver() {
	w.theirs.Close()
	w.says.Close()
}

// dismiss makes the script end all, and waits for that.
func (w *warden) dismiss() {
	if w == nil {
		return
	}
	w.alive.Close()
	_ = w.done.SetReadDeadline(time.Now().Add(wardenPatience))
	_, _ = w.done.Read(make([]byte, 1))
	w.done.Close()
}
