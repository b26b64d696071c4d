package doctor

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/mosha-ssh/mosha/internal/remotesh"
)

//go:embed probe.sh
var probeScript string

// The lines of probe.sh, by its part; TEXT and LINE are the rest of the line:
//
//	mosha-probe TOKEN          it runs
//	conn FOUR FIELDS | conn -  SSH_CONNECTION
//
//	facts:   home writable | home fixed
//	         place home|runtime|none    where the link is, as remotesh.FindPlace has it
//	         taken SHELL                what a start-up file runs in the place of sh
//	         link none - | link occupied - | link live TEXT | link dead TEXT
//	         sshd FILE:NUMBER:LINE      of sshd_config(5)
//	         unreadable FILE
//	         key LINE                   of authorized_keys
//	         login NAME PATH            a shell that is asked
//	         other NAME                 further ones
//	         end
//	         sh NAME PID TEXT           SSH_AGENT_PID or -, SSH_AUTH_SOCK; at any time
//	         ended NAME                 at any time
//	         state live|dead|none       answers state PATH
//	                                    reap PID is not answered
//	server:  charmap TEXT
//	         utf8 TEXT                  a UTF-8 locale that is installed, or nothing
//	         said LINE                  of mosh-server's start
//	         code N                     its exit code, or unknown
//	agent:   agent PATH | agent none
//	         named yes|no               whether SSH_AUTH_SOCK says so
//	         through CODE               ssh-add's exit code, given a link that leads elsewhere
//	         key LINE                   of ssh-add -L
//	         keys CODE link|socket|none ssh-add's exit code, and what it was given
//	         signed CODE TEXT           answers a public key
const probeMarker = "mosha-probe "

// maxLines is how many lines a probe may print.
const maxLines = 4000

const (
	// probeLimit is how long a part may take, without the time for a person's
	// answer.
	probeLimit = 15 * time.Second
	// endLimit is how long the probe may take to clean up.
	endLimit = 5 * time.Second
)

// remoteShell is a POSIX shell that runs on the remote, as control.RemoteShell.
type remoteShell interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// probe is a shell that runs a part of probe.sh.
type probe struct {
	shell remoteShell
	out   *remotesh.Reader
	lines int
	heard <-chan spoken // once listen was called
	stop  func() bool
}

// startProbe sends the script and waits until it runs. The probe ends with ctx.
func startProbe(ctx context.Context, shell remoteShell, part string, vars ...string) (*probe, error) {
	p := &probe{shell: shell, out: remotesh.NewReader(shell)}
	p.stop = context.AfterFunc(ctx, func() { _ = shell.Close() })
	token := rand.Text() // what start-up files cannot print
	_, unsent := shell.Write([]byte(scriptFor(part, append(vars, "token", token)...)))
	err := p.out.Await(probeMarker + token)
	if err == nil {
		return p, nil
	}
	p.close()
	if unsent != nil && p.out.Noise() == "" {
		return nil, unsent
	}
	// What came in place of a shell may have said something: its first line
	// tells most.
	return nil, &remotesh.Error{Kind: remotesh.NoShell, Detail: p.out.Noise(), Err: errors.Unwrap(err)}
}

// scriptFor returns the script with its part and its variables (name, value,
// ...) set.
func scriptFor(part string, vars ...string) string {
	return remotesh.Opening + "part=" + part + "\n" + remotesh.Vars(vars...) + remotesh.FindAgent + remotesh.FindPlace + probeScript
}

// next returns the next line, divided at its first blank.
func (p *probe) next() (word, rest string, err error) {
	if p.lines++; p.lines > maxLines {
		return "", "", remotesh.Garbled("too many lines")
	}
	line, err := p.out.Line()
	word, rest, _ = strings.Cut(line, " ")
	return word, rest, err
}

// read gives a part its lines until it is done.
func (p *probe) read(take func(word, rest string) bool, done *bool) error {
	for !*done {
		word, rest, err := p.next()
		if err != nil {
			return err
		}
		if !take(word, rest) {
			return remotesh.Garbled(word)
		}
	}
	return nil
}

// say sends an order.
func (p *probe) say(order string) error {
	_, err := p.shell.Write([]byte(order + "\n"))
	return err
}

// end tells the probe to clean up behind itself, and waits for that.
func (p *probe) end() {
	timer := time.AfterFunc(endLimit, func() { _ = p.shell.Close() })
	defer timer.Stop()
	if p.shell.CloseWrite() != nil {
		_ = p.shell.Close()
	}
	if p.heard != nil {
		for range p.heard {
		}
	}
	_, _ = io.Copy(io.Discard, p.shell)
	p.close()
}

func (p *probe) close() {
	p.stop()
	_ = p.shell.Close()
}
