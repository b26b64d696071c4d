//go:build linux

package doctor

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// hang is a start-up file's line that waits without end, in a process of its
// own, whose id is then in ~/hangs.
const hang = "sh -c 'echo $$ >~/hangs; exec sleep 4321'\n"

// remote runs a part of the probe in sh, in a home of its own.
type remote struct {
	t     *testing.T
	home  string
	cmd   *exec.Cmd
	input io.WriteCloser
	held  *os.File // ends when nothing is left that the probe has started
}

func newRemote(t *testing.T, sh []string, shell, startup string) *remote {
	t.Helper()
	r := &remote{t: t, home: t.TempDir(), cmd: exec.Command(sh[0], sh[1:]...)}
	files := map[string][]string{"bash": {".bashrc", ".bash_profile"}, "zsh": {".zshenv"}}
	for _, name := range files[shell] {
		r.write(name, startup, 0o600)
	}
	r.cmd.Env = append(os.Environ(), "HOME="+r.home, "SHELL="+shell, "PATH="+r.home+":"+os.Getenv("PATH"))
	return r
}

func (r *remote) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *remote) write(name, content string, mode os.FileMode) {
	r.t.Helper()
	r.must(os.WriteFile(filepath.Join(r.home, name), []byte(content), mode))
}

// read returns what a file has, "" if it is not there.
func (r *remote) read(name string) string {
	content, err := os.ReadFile(filepath.Join(r.home, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.t.Error(err)
	}
	return string(content)
}

// await waits until a file in the home has the text.
func (r *remote) await(name, text string) {
	r.t.Helper()
	r.must(lab.Eventually(r.t.Context(), text+" in "+name, func() (bool, error) { return strings.Contains(r.read(name), text), nil }))
}

// start runs a part. Its output is in ~/output.
func (r *remote) start(part string, vars ...string) {
	r.t.Helper()
	output, err := os.Create(filepath.Join(r.home, "output"))
	r.must(err)
	defer output.Close()
	held, open, err := os.Pipe()
	r.must(err)
	defer open.Close()
	r.held, r.cmd.Stdout = held, output
	// An interactive bash keeps those below 20 from its programs.
	r.cmd.ExtraFiles = append(make([]*os.File, 20), open)
	r.input, err = r.cmd.StdinPipe()
	r.must(err)
	r.must(r.cmd.Start())
	r.t.Cleanup(r.clean)
	_, err = io.WriteString(r.input, scriptFor(part, vars...))
	r.must(err)
}

// clean ends what a probe that fails has left.
func (r *remote) clean() {
	if pid, err := strconv.Atoi(strings.TrimSpace(r.read("hangs"))); err == nil && r.t.Failed() {
		_ = unix.Kill(pid, unix.SIGKILL)
		_ = r.cmd.Process.Kill()
	}
	_ = r.cmd.Wait()
	r.held.Close()
}

// leavesNothing ends the input, and then all has to end.
func (r *remote) leavesNothing() {
	r.t.Helper()
	r.must(r.input.Close())
	r.must(r.held.SetReadDeadline(time.Now().Add(endLimit * 4)))
	if _, err := io.Copy(io.Discard, r.held); err != nil {
		out, _ := exec.Command("ps", "-A", "-o", "pid,ppid,args").Output()
		r.t.Errorf("something is left: %v\n%s\n%s", err, r.read("output"), out)
	}
}

// TestProbeEndsWhatHangs: start-up files that wait leave nothing behind, in
// whatever is the remote's sh.
func TestProbeEndsWhatHangs(t *testing.T) {
	for name, sh := range map[string][]string{
		"sh": {"sh"}, "bash": {"bash", "--posix"}, "zsh": {"zsh", "--emulate", "sh"}, "mksh": {"mksh"}, "busybox": {"busybox", "sh"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Run("facts", func(t *testing.T) {
				r := newRemote(t, sh, "bash", hang)
				r.start("facts")
				r.await("hangs", "\n")
				r.leavesNothing()
			})
			t.Run("facts, at once", func(t *testing.T) {
				r := newRemote(t, sh, "bash", hang)
				r.start("facts")
				r.leavesNothing()
			})
			t.Run("server", func(t *testing.T) {
				r := newRemote(t, sh, "zsh", hang)
				r.start("server", "command", "true")
				r.await("hangs", "\n")
				r.leavesNothing()
			})
			t.Run("server, too many lines", func(t *testing.T) {
				r := newRemote(t, sh, "zsh", "yes | head -n 2000 &\n"+hang)
				r.start("server", "command", "true")
				r.await("output", "\ncode ")
				r.leavesNothing()
			})
		})
	}
}

// TestProbeEndsWhatHangsWithLessOfAPS than one would like.
func TestProbeEndsWhatHangsWithLessOfAPS(t *testing.T) {
	for name, test := range map[string]struct{ ps, startup string }{
		"busybox": {"exec busybox ps \"$@\"", hang},
		"none":    {"exit 1", "exec " + hang},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRemote(t, []string{"sh"}, "bash", test.startup)
			r.write("ps", "#!/bin/sh\n"+test.ps+"\n", 0o700)
			r.start("facts")
			r.await("hangs", "\n")
			r.leavesNothing()
		})
	}
}
