//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/hinshun/vt10x"
)

// Terminal is a window in which a command runs: a pseudo-terminal whose output
// goes into a terminal emulator, so that a test can read the screen as a person
// would.
type Terminal struct {
	master *os.File
	cmd    *Cmd
	ended  chan struct{} // the command
	read   chan struct{} // all its output, or the window is closed

	mu         sync.Mutex
	emulator   vt10x.Terminal
	transcript []byte
	partial    []byte        // of a UTF-8 sequence that is not complete yet
	changed    chan struct{} // closed and replaced at every output
}

// ScreenError says that the screen never showed what a test waited for.
type ScreenError struct {
	Pattern string
	Screen  string
	Err     error // why the wait ended
}

func (e *ScreenError) Error() string {
	return fmt.Sprintf("terminal never showed %q: %v; screen:\n%s", e.Pattern, e.Err, e.Screen)
}

func (e *ScreenError) Unwrap() error { return e.Err }

// ErrEnded is why a wait for output ends when nobody can write any more.
var ErrEnded = errors.New("command ended")

// Terminal runs the command in a new terminal of that size (0 is allowed). If
// the caller does not close it, the lab's Close does.
func (u *User) Terminal(cols, rows int, cmd *Cmd) (*Terminal, error) {
	master, slave, err := openPTY(cols, rows)
	if err != nil {
		return nil, err
	}
	defer slave.Close()
	if err := errors.Join(slave.Chown(u.UID, u.GID), slave.Chmod(0o620)); err != nil {
		master.Close()
		return nil, err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr.Setctty = true
	if err := cmd.Start(); err != nil {
		master.Close()
		return nil, err
	}
	t := &Terminal{
		master: master, cmd: cmd,
		ended: make(chan struct{}), read: make(chan struct{}), changed: make(chan struct{}),
		emulator: vt10x.New(vt10x.WithSize(max(cols, 1), max(rows, 1)), vt10x.WithWriter(master)),
	}
	u.Machine.lab.addWindow(t)
	go t.readAll()
	go func() {
		defer close(t.ended)
		_ = cmd.Wait()
	}()
	return t, nil
}

func (l *Lab) addWindow(t *Terminal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.windows = append(l.windows, t)
}

// readAll feeds the emulator until nobody has the terminal open any more.
func (t *Terminal) readAll() {
	defer close(t.read)
	buf := make([]byte, 32<<10)
	for {
		n, err := t.master.Read(buf)
		t.show(buf[:n])
		if err != nil {
			return
		}
	}
}

// show gives output to the emulator, which takes whole UTF-8 sequences only.
func (t *Terminal) show(output []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.transcript = append(t.transcript, output...)
	t.partial = append(t.partial, output...)
	whole := len(t.partial)
	for back := 1; back < utf8.UTFMax && back <= len(t.partial); back++ {
		if tail := t.partial[len(t.partial)-back:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				whole -= back
			}
			break
		}
	}
	_, _ = t.emulator.Write(t.partial[:whole])
	t.partial = append([]byte(nil), t.partial[whole:]...)
	close(t.changed)
	t.changed = make(chan struct{})
}

// Pid is the process id of the command.
func (t *Terminal) Pid() int { return t.cmd.Process.Pid }

// Send types the text. Enter is "\r".
func (t *Terminal) Send(text string) error {
	_, err := t.master.WriteString(text)
	return err
}

// Screen returns what is on the screen: its lines without trailing blanks,
// without the empty ones at the end.
func (t *Terminal) Screen() string {
	lines := strings.Split(t.emulator.String(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \x00")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// Transcript returns every byte that was written to the terminal so far.
func (t *Terminal) Transcript() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.transcript)
}

// WaitFor waits until the screen matches the regular expression, in which ^ and
// $ match at every line, as after (?m): `\$$` matches a prompt. The wait ends
// with a *ScreenError when ctx is done (after 5 min if it has no deadline) or
// the command has written its last (ErrEnded).
func (t *Terminal) WaitFor(ctx context.Context, pattern string) error {
	re, err := regexp.Compile("(?m)" + pattern)
	if err != nil {
		return err
	}
	return t.wait(ctx, pattern, func() bool { return re.MatchString(t.Screen()) })
}

// WaitOutput is WaitFor on the transcript, for what may have left the screen.
func (t *Terminal) WaitOutput(ctx context.Context, pattern string) error {
	re, err := regexp.Compile("(?m)" + pattern)
	if err != nil {
		return err
	}
	return t.wait(ctx, pattern, func() bool { return re.Match(t.Transcript()) })
}

func (t *Terminal) wait(ctx context.Context, pattern string, matches func() bool) error {
	ctx, cancel := limited(ctx)
	defer cancel()
	for {
		t.mu.Lock()
		changed := t.changed
		t.mu.Unlock()
		var ended error
		select {
		case <-t.read:
			ended = ErrEnded
		default:
		}
		if matches() {
			return nil
		}
		if ended != nil {
			return &ScreenError{Pattern: pattern, Screen: t.Screen(), Err: ended}
		}
		select {
		case <-changed:
		case <-t.read:
		case <-ctx.Done():
			return &ScreenError{Pattern: pattern, Screen: t.Screen(), Err: ctx.Err()}
		}
	}
}

// Resize changes the window's size. The kernel tells the command (SIGWINCH).
func (t *Terminal) Resize(cols, rows int) error {
	t.emulator.Resize(max(cols, 1), max(rows, 1))
	raw, err := t.master.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = setSize(int(fd), cols, rows) })
	return errors.Join(err, failed)
}

// Wait waits until the command has ended, and returns its exit code, or -1 if
// a signal killed it. All that it wrote is on the screen then.
func (t *Terminal) Wait(ctx context.Context) (exit int, err error) {
	ctx, cancel := limited(ctx)
	defer cancel()
	select {
	case <-t.ended:
	case <-ctx.Done():
		return -1, &ScreenError{Pattern: "end of the command", Screen: t.Screen(), Err: ctx.Err()}
	}
	// A child that it left behind may hold the terminal open.
	select {
	case <-t.read:
	case <-time.After(time.Second):
	}
	return t.cmd.ProcessState.ExitCode(), nil
}

// Kill kills the command (SIGKILL); what it has started lives on.
func (t *Terminal) Kill() error {
	if err := t.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Close closes the window: the kernel hangs up the terminal (SIGHUP), as it
// does when a person closes one. It does not wait for the command.
func (t *Terminal) Close() error {
	err := t.master.Close()
	<-t.read
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
