package doctor

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mosha-ssh/mosha/internal/remotesh"
	"github.com/mosha-ssh/mosha/internal/text"
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
//	         link ...
//	         through CODE               ssh-add's exit code, given a link that leads elsewhere
//	         key LINE                   of ssh-add -L
//	         keys CODE link|socket|none ssh-add's exit code, and what it was given
//	         signed CODE TEXT           answers a public key
const probeMarker = "mosha-probe "

const (
	maxNoise = 256 << 10 // bytes that start-up files may print before the probe begins
	maxLine  = 4 << 10   // bytes in a line of the probe
	maxLines = 4000      // lines of the probe
)

const (
	// probeLimit is how long a part may take, without the time for a person's
	// answer.
	probeLimit = 15 * time.Second
	// endLimit is how long the probe may take to clean up.
	endLimit = 5 * time.Second
)

// A Shell is a POSIX shell that runs on the remote, as control.RemoteShell.
type Shell interface {
	io.ReadWriteCloser
	CloseWrite() error
}

// probe is a shell that runs a part of probe.sh.
type probe struct {
	shell Shell
	out   *bufio.Reader
	token string // what start-up files cannot print
	noise string // what start-up files printed first
	lines int
	heard <-chan spoken // once listen was called
	stop  func() bool
}

// shellError says that no shell ran the probe. Said is what came in its place.
type shellError struct {
	Said string
	Err  error
}

func (e *shellError) Error() string {
	return fmt.Sprintf("the remote's shell does not answer: %q: %v", e.Said, e.Err)
}

func (e *shellError) Unwrap() error { return e.Err }

// errGarbled says that the probe's output is not what the script prints.
var errGarbled = errors.New("the remote's answer makes no sense")

// startProbe sends the script and waits until it runs. The probe ends with ctx.
func startProbe(ctx context.Context, shell Shell, part string, vars ...string) (*probe, error) {
	p := &probe{shell: shell, out: bufio.NewReaderSize(shell, maxLine), token: rand.Text()}
	p.stop = context.AfterFunc(ctx, func() { _ = shell.Close() })
	_, unsent := shell.Write([]byte(scriptFor(part, append(vars, "token", p.token)...)))
	err := p.awaitMarker()
	if err == nil {
		return p, nil
	}
	p.close()
	if unsent != nil && p.noise == "" {
		return nil, unsent
	}
	return nil, err // what ended in place of a shell may have said something first
}

// scriptFor returns the script with its part and its variables (name, value,
// ...) set.
func scriptFor(part string, vars ...string) string {
	return remotesh.Opening + "part=" + part + "\n" + remotesh.Vars(vars...) + remotesh.FindAgent + remotesh.FindPlace + probeScript
}

// awaitMarker skips what start-up files print, and notes its first line.
func (p *probe) awaitMarker() error {
	fresh := true // whether a line begins here
	for skipped := 0; skipped <= maxNoise; {
		piece, err := p.out.ReadSlice('\n')
		if err == nil && fresh && string(piece) == probeMarker+p.token+"\n" {
			return nil
		}
		if p.noise == "" {
			p.noise = text.ASCII(piece)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return &shellError{Said: p.noise, Err: err}
		}
		fresh = err == nil
		skipped += len(piece)
	}
	return &shellError{Said: p.noise, Err: errGarbled}
}

// next returns the next line, divided at its first blank.
func (p *probe) next() (word, rest string, err error) {
	line, err := p.out.ReadSlice('\n')
	if p.lines++; err == nil && p.lines > maxLines {
		err = errGarbled
	}
	if err != nil {
		return "", "", err
	}
	head, tail, _ := bytes.Cut(line[:len(line)-1], []byte(" "))
	return string(head), string(tail), nil
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
	_, _ = io.Copy(io.Discard, p.out)
	p.close()
}

func (p *probe) close() {
	p.stop()
	_ = p.shell.Close()
}
