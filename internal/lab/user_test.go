//go:build linux

package lab_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

func addUser(t testing.TB, m *lab.Machine, opts ...lab.UserOption) *lab.User {
	t.Helper()
	u, err := m.AddUser("bash", opts...)
	check(t, err)
	return u
}

func output(t testing.TB, u *lab.User, name string, args ...string) string {
	t.Helper()
	out, err := u.Command(within(t), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
	return string(out)
}

func TestCommandRunsAsTheUserAtHome(t *testing.T) {
	t.Setenv("SSH_AUTH_SOCK", "/of/the/one/who/tests")
	l := labtest.New(t)
	u := addUser(t, l.Laptop)
	u.Setenv("EXTRA", "replaced")
	u.Setenv("EXTRA", "1")
	u.Setenv("GONE", "1")
	u.Unsetenv("GONE")

	got := strings.Split(strings.TrimSpace(output(t, u, "env")), "\n")
	want := []string{
		"EXTRA=1", "HOME=" + u.Home, "LANG=C.UTF-8", "LOGNAME=" + u.Name,
		"PATH=/usr/local/bin:/usr/bin:/bin:/usr/games", "SHELL=" + u.Shell,
		"TERM=xterm-256color", "USER=" + u.Name, "XDG_RUNTIME_DIR=" + u.RuntimeDir,
	}
	got = slices.DeleteFunc(got, func(v string) bool {
		return strings.HasPrefix(v, "PWD=") || strings.HasPrefix(v, "GORACE=") // os/exec's; only with -race
	})
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("environment %q, want %q", got, want)
	}
	if got, want := output(t, u, "id"), fmt.Sprintf("uid=%d(%s) gid=%d(%[2]s) groups=%[3]d(%[2]s)\n", u.UID, u.Name, u.GID); got != want {
		t.Errorf("id: %s, want %s", got, want)
	}
	if got := output(t, u, "sh", "-c", `pwd; ls -A; stat -c %a . "$XDG_RUNTIME_DIR"`); got != u.Home+"\n700\n700\n" {
		t.Errorf("home, its files, modes: %q", got)
	}
	if got := strings.Fields(output(t, u, "sh", "-c", "exec ps -o pid=,sid=,pgid= -p $$")); len(got) != 3 || got[0] != got[1] || got[0] != got[2] {
		t.Errorf("process, session and group %q are not one", got)
	}
}

func TestCommandReportsFailure(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	u := addUser(t, l.Laptop)
	_, err := u.Command(within(t), "sh", "-c", "echo why >&2; exit 3").Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 3 || string(exit.Stderr) != "why\n" {
		t.Errorf("%v, want exit status 3 and why", err)
	}
	if err := u.Command(within(t), "no-such-program").Run(); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("%v, want %v", err, exec.ErrNotFound)
	}
}

func TestCommandIsKilledWithItsGroup(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	u := addUser(t, l.Laptop)
	ctx, cancel := context.WithCancel(t.Context())
	cmd := u.Command(ctx, "sh", "-c", "sleep 1001 & sleep 1002")
	check(t, cmd.Start())
	check(t, lab.Eventually(within(t), "both sleep", func() (bool, error) {
		return len(u.Processes()) == 3, nil
	}))
	if err := u.WaitGone(ctx, "no such word"); err != nil {
		t.Error(err)
	}
	cancel()
	if err := cmd.Wait(); err == nil {
		t.Error("the command ended well")
	}
	check(t, u.WaitGone(within(t), ""))
}

func TestWaitGoneNamesWhatIsLeft(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	u := addUser(t, l.Laptop)
	check(t, u.Command(within(t), "sleep", "1003").Start())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := u.WaitGone(ctx, "1003")
	if _, ok := errors.AsType[*lab.NeverError](err); !ok || !strings.Contains(err.Error(), "sleep 1003") {
		t.Errorf("%v", err)
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	u := addUser(t, l.Laptop, lab.Skel())
	check(t, u.WriteFile("bin/new/program", "#!/bin/sh\necho ran\n", 0o755))
	if got := output(t, u, "bin/new/program"); got != "ran\n" {
		t.Errorf("the program says %q", got)
	}
	check(t, u.AppendFile("notes", "one\n"))
	check(t, u.AppendFile("notes", "two\n"))
	if got, err := u.ReadFile("notes"); got != "one\ntwo\n" || err != nil {
		t.Errorf("notes: %q, %v", got, err)
	}
	stat := output(t, u, "stat", "-c", "%U %a %n", "bin", "bin/new/program", "notes", ".bashrc")
	want := fmt.Sprintf("%[1]s 700 bin\n%[1]s 755 bin/new/program\n%[1]s 600 notes\n%[1]s 644 .bashrc\n", u.Name)
	if stat != want {
		t.Errorf("files: %s, want %s", stat, want)
	}
}

// A program can be executed as soon as it is written, also while others are
// being started.
func TestProgramsAreNotBusy(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	var group errgroup.Group
	for _, m := range []*lab.Machine{l.Laptop, l.Devbox} {
		u := addUser(t, m)
		group.Go(func() error {
			for n := range 100 {
				name := fmt.Sprintf("program%d", n)
				if err := u.WriteFile(name, "#!/bin/true\n", 0o700); err != nil {
					return err
				}
				if err := u.Command(t.Context(), u.Path(name)).Run(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	check(t, group.Wait())
}

func TestFullAndReadOnlyHome(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	u := addUser(t, l.Devbox)
	const size = 64 << 10
	check(t, u.LimitHome(size))
	out, err := u.Command(within(t), "sh", "-c", "head -c 65537 /dev/zero >full").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "No space left") {
		t.Errorf("a full home: %v, %s", err, out)
	}
	if err := u.WriteFile("file", "content", 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full home: %v", err)
	}
	output(t, u, "rm", "full")
	check(t, u.WriteFile("file", "content", 0o600))
	check(t, u.ReadOnlyHome())
	if err := u.WriteFile("file", "other", 0o600); !errors.Is(err, syscall.EROFS) {
		t.Errorf("a read-only home: %v", err)
	}
	if got := output(t, u, "cat", "file"); got != "content" {
		t.Errorf("file: %q", got)
	}
}

func TestHideAndReplace(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	there, here := addUser(t, l.Devbox), addUser(t, l.Laptop)
	check(t, l.Devbox.Hide("/usr/bin/mosh-server", "/usr/bin/mosh"))
	const find = "for name in mosh-server mosh mosh-client; do command -v $name; done; true"
	if got := output(t, there, "sh", "-c", find); got != "/usr/bin/mosh-client\n" {
		t.Errorf("on the devbox there is %q", got)
	}
	if got := output(t, here, "sh", "-c", find); strings.Count(got, "\n") != 3 {
		t.Errorf("on the laptop there is %q", got)
	}
	check(t, l.Devbox.Replace("/etc/ssh/sshrc", "echo from sshrc\n", 0o644))
	if got := output(t, there, "sh", "/etc/ssh/sshrc"); got != "from sshrc\n" {
		t.Errorf("sshrc says %q", got)
	}
	if _, err := os.Stat("/etc/ssh/sshrc"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is outside of the lab too: %v", err)
	}
}

func TestAgent(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	u := addUser(t, l.Laptop)
	key, err := u.NewKey("id", "ed25519")
	check(t, err)
	a, err := u.Agent()
	check(t, err)
	wantKeys(t, a)
	check(t, a.Add(key))
	wantKeys(t, a, key.Pub)

	u.Setenv("SSH_AUTH_SOCK", a.Sock)
	if got := output(t, u, "ssh-add", "-L"); got != key.Pub+"\n" {
		t.Errorf("ssh-add says %q", got)
	}
	same := a.Sock
	check(t, a.Restart(false))
	if a.Sock != same {
		t.Errorf("the socket is %s, was %s", a.Sock, same)
	}
	wantKeys(t, a)
	check(t, a.Restart(true))
	if a.Sock == same {
		t.Error("the socket is the same")
	}
	wantKeys(t, a)
	for _, p := range u.Processes() {
		check(t, unix.Kill(p.PID, unix.SIGKILL)) // its socket stays
	}
	check(t, a.Restart(false))
	wantKeys(t, a)
	check(t, a.Stop())
	check(t, u.WaitGone(within(t), "ssh-agent"))
	if _, err := a.Keys(); err == nil {
		t.Error("an agent that was stopped answers")
	}
}

func wantKeys(t *testing.T, a *lab.Agent, want ...string) {
	t.Helper()
	got, err := a.Keys()
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("keys %q, %v, want %q", got, err, want)
	}
}
