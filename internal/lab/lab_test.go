//go:build linux

package lab_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// roles are what this test program does when a test runs it once more.
var roles = map[string]func(args []string) error{
	"loopback": func(args []string) error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
		defer cancel()
		return loopback(ctx, args[0])
	},
	"die": func([]string) error { return populateAndDie() },
}

const roleVariable = "LAB_TEST_ROLE"

func TestMain(m *testing.M) {
	role, ok := roles[os.Getenv(roleVariable)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := role(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// again is a command that runs this test program in that role, as the user.
func again(t testing.TB, l *lab.Lab, u *lab.User, role string, args ...string) *lab.Cmd {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	check(t, err)
	check(t, u.WriteFile("again", string(self), 0o755))
	cmd := u.Command(within(t), u.Path("again"), args...)
	cmd.Env = append(cmd.Env, roleVariable+"="+role)
	return cmd
}

func TestMissingIsNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := lab.New()
	missing, ok := errors.AsType[*lab.Missing](err)
	if !ok || !slices.Contains(missing.What, "mosh") || slices.Contains(missing.What, "root") {
		t.Errorf("%v", err)
	}
}

func TestMissingRoot(t *testing.T) {
	t.Parallel()
	l := labtest.New(t)
	u := addUser(t, l.Laptop)
	out, err := again(t, l, u, "die").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "needs root") {
		t.Errorf("a lab without root: %v, %s", err, out)
	}
}

// left describes what is there of a user and of his lab's directory.
func left(name string, uid int, dir string) (what []string) {
	if _, err := user.Lookup(name); err == nil {
		what = append(what, "user")
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		what = append(what, "directory")
	}
	what = append(what, ownedBy(uid)...)
	files, _ := filepath.Glob("/tmp/*")
	for _, file := range files {
		var st unix.Stat_t
		if unix.Lstat(file, &st) == nil && int(st.Uid) == uid {
			what = append(what, file)
		}
	}
	return what
}

// ownedBy lists a user's processes, and root's in his lab, by another way than
// the lab's own. Those that are dead may wait a while for init to look.
func ownedBy(uid int) []string {
	out, _ := exec.Command("ps", "-eo", "stat=,uid=,args=").Output()
	return slices.DeleteFunc(strings.Split(string(out), "\n"), func(line string) bool {
		fields := strings.Fields(line)
		return len(fields) < 3 || fields[0][0] == 'Z' ||
			fields[1] != fmt.Sprint(uid) && fields[len(fields)-1] != rootsSleep(uid)
	})
}

// rootsSleep is for how long root sleeps in the lab of that user.
func rootsSleep(uid int) string { return fmt.Sprintf("1004.%d", uid) }

// populate leaves of everything something in the lab: detached processes of
// root and of the users, on both machines, a session, a terminal, files.
func populate(l *lab.Lab) (*lab.User, error) {
	ctx := context.Background()
	person, err := l.Laptop.AddUser("bash")
	if err != nil {
		return nil, err
	}
	account, err := l.Devbox.AddUser("bash")
	if err != nil {
		return nil, err
	}
	key, err := person.NewKey("id_ed25519", "ed25519")
	if err != nil {
		return nil, err
	}
	sshd, err := l.Devbox.Sshd(lab.SshdConfig{})
	if err != nil {
		return nil, err
	}
	lines, err := sshd.HostKeyLines("devbox")
	if err != nil {
		return nil, err
	}
	if _, err := person.Agent(); err != nil {
		return nil, err
	}
	window, err := person.Terminal(80, 24, person.Command(ctx, "bash"))
	if err != nil {
		return nil, err
	}
	return account, errors.Join(
		account.Authorize(key.Pub),
		person.KnowHost(lines...),
		window.Send("sleep 1001\r"),
		person.Command(ctx, "setsid", "-f", "sleep", "1002").Run(),
		account.Command(ctx, "setsid", "-f", "sleep", "1003").Run(),
		l.Devbox.Command(ctx, "setsid", "-f", "sleep", rootsSleep(account.UID)).Run(),
		account.WriteFile("/tmp/"+account.Name+"/left", "", 0o600),
		person.Command(ctx, "ssh", "-f", account.Name+"@devbox", "sleep 1005").Run(),
	)
}

// goroutines returns the stacks of those that are in the lab's code. Their
// number alone says nothing: the runtime and the tests have some of their own.
func goroutines() []string {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return slices.DeleteFunc(strings.Split(string(stacks), "\n\n"), func(stack string) bool {
		return !strings.Contains(stack, "/internal/lab.")
	})
}

func TestCloseLeavesNothing(t *testing.T) {
	l, err := lab.New()
	check(t, err)
	u, err := populate(l)
	if err != nil {
		t.Error(err)
	}
	network := l.Devbox.Processes()
	check(t, l.Close())
	check(t, l.Close())
	if what := left(u.Name, u.UID, l.Path("")); what != nil {
		t.Errorf("left: %q", what)
	}
	for _, p := range network {
		if err := unix.Kill(p.PID, 0); err == nil && running(p.PID) {
			t.Errorf("left: %v", p)
		}
	}
	var running []string
	err = lab.Eventually(within(t), "the lab's goroutines have ended", func() (bool, error) {
		running = goroutines()
		return len(running) == 1, nil // this one
	})
	if err != nil {
		t.Errorf("%v:\n%s", err, strings.Join(running, "\n\n"))
	}
	if _, err := l.Devbox.AddUser("bash"); err == nil {
		t.Error("a user was added to a closed lab")
	}
	if err := l.Devbox.Do(func() error { return nil }); err == nil {
		t.Error("something was done on a machine of a closed lab")
	}
}

func running(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err == nil && !bytes.Contains(status, []byte("State:\tZ"))
}

func populateAndDie() error {
	l, err := lab.New()
	if err != nil {
		return err
	}
	u, err := populate(l)
	if err != nil {
		return err
	}
	fmt.Println(u.Name, u.UID, l.Path(""))
	return unix.Kill(os.Getpid(), unix.SIGKILL)
}

func TestRemainsOfDeadLabsAreRemoved(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	check(t, err)
	cmd := exec.CommandContext(within(t), self)
	cmd.Env = append(os.Environ(), roleVariable+"=die")
	out, _ := cmd.Output()
	var name, dir string
	var uid int
	if _, err := fmt.Sscan(string(out), &name, &uid, &dir); err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	if what := left(name, uid, dir); len(what) < 2 {
		t.Errorf("a lab that was killed left only %q", what)
	}
	check(t, lab.Eventually(within(t), "what it started itself has ended with it", func() (bool, error) {
		out, err := exec.Command("ps", "-eo", "args=").Output()
		return !strings.Contains(string(out), dir+"/sshd1/config"), err
	}))
	living := labtest.New(t)
	u := addUser(t, living.Laptop)
	check(t, u.Command(within(t), "sleep", "1006").Start())
	labtest.New(t)
	if what := left(name, uid, dir); what != nil {
		t.Errorf("left: %q", what)
	}
	if len(u.Processes()) != 1 {
		t.Error("the remains of a living lab were removed")
	}
}

// TestIgnoredSignals: a program of the lab heeds a signal that this process was
// made to ignore.
func TestIgnoredSignals(t *testing.T) {
	signal.Ignore(unix.SIGQUIT)
	t.Cleanup(func() { signal.Reset(unix.SIGQUIT) })
	l := labtest.New(t)
	cmd := l.Laptop.Command(within(t), "sh", "-c", "kill -QUIT $$")
	err := cmd.Run()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != unix.SIGQUIT {
		t.Errorf("it ended with %v", err)
	}
}
