//go:build linux

package main_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/lab"
)

// web starts a web server on a machine that says who it is.
func (w *world) web(u *lab.User, port int, says string) {
	w.t.Helper()
	dir := fmt.Sprintf("www%d", port)
	w.must(u.WriteFile(dir+"/index.html", says, 0o644))
	server := u.Command(w.t.Context(), "busybox", "httpd", "-f", "-p", fmt.Sprint(port), "-h", u.Path(dir))
	w.must(server.Start())
	w.t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
}

// fetches waits until curl with these arguments gets what is wanted, and returns
// how long that took.
func (w *world) fetches(u *lab.User, want string, args ...string) time.Duration {
	w.t.Helper()
	began := time.Now()
	var last string
	err := lab.Eventually(w.ctx(), "curl "+strings.Join(args, " "), func() (bool, error) {
		out, _ := u.Command(w.ctx(), "curl", append([]string{"-sS", "--max-time", "20"}, args...)...).CombinedOutput()
		last = string(out)
		return last == want, nil
	})
	if err != nil {
		w.t.Fatalf("%v: %s", err, last)
	}
	return time.Since(began)
}

// TestTunnels: those of a kept connection, of ssh_config and of further commands
// carry what they should, before and after all that may happen to a connection.
func TestTunnels(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.web(w.dev, 8000, "devbox")
	w.web(w.me, 8001, "laptop")
	w.must(w.me.WriteFile(".ssh/config", "Host devbox*\n  User "+w.dev.Name+"\n  DynamicForward 1080\n", 0o600))
	w.runs("keep", "-L", "9000:localhost:8000", "-R", "9001:localhost:8001", "-R", w.dev.Path("sock")+":localhost:8001", "devbox")
	w.carries()
	if out := w.runs("forward", "-L", w.me.Path("sock")+":localhost:8000", "-L", "9000:localhost:8000", "devbox"); out != "" {
		t.Errorf("forward said %q", out)
	}
	w.fetches(w.me, "devbox", "--unix-socket", w.me.Path("sock"), "http://any/")
	if out := w.runs("forward", "devbox"); strings.Count(out, " up ") != 5 || !strings.Contains(out, "-L 9000:localhost:8000 ") {
		t.Errorf("the list:\n%s", out)
	}
	for name, happens := range map[string]func() error{
		"roam": func() error { return roam(w) }, "sshd is killed": w.sshd.KillSessions, "the keeper is killed": func() error { return killKeeper(w) },
	} {
		open := w.holds()
		w.must(happens())
		if err := open(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		began := time.Now()
		w.carries()
		t.Logf("%s: all is back after %v", name, time.Since(began))
	}
	w.runs("forward", "--cancel", "-L", "9000:localhost:8000", "-R", "9001:localhost:8001", "devbox")
	if _, stderr, code := w.local("forward", "--cancel", "-L", "9000:localhost:8000", "devbox"); code != 1 || !strings.Contains(stderr, "no tunnel -L 9000:localhost:8000") {
		t.Errorf("the second time: %d, %s", code, stderr)
	}
	var names []string
	for line := range strings.Lines(w.runs("forward", "--json", "devbox")) {
		var one control.Tunnel
		w.must(json.Unmarshal([]byte(line), &one))
		names = append(names, one.Option)
	}
	if len(names) != 3 || len(w.status().Tunnels) != 3 {
		t.Errorf("left are %q", names)
	}
	w.runs("stop", "devbox")
	if out, err := w.me.Command(w.ctx(), "curl", "-sS", "http://localhost:9000").CombinedOutput(); err == nil {
		t.Errorf("a tunnel outlived its keeper: %s", out)
	}
	w.nothingLeftBut("busybox")
}

// carries checks that each tunnel does.
func (w *world) carries() {
	w.t.Helper()
	w.fetches(w.me, "devbox", "http://localhost:9000/")
	w.fetches(w.me, "devbox", "--socks5-hostname", "localhost:1080", "http://localhost:8000/")
	w.fetches(w.dev, "laptop", "http://localhost:9001/")
	w.fetches(w.dev, "laptop", "--unix-socket", w.dev.Path("sock"), "http://any/")
}

// holds opens a connection through a tunnel. What it returns waits until that is
// reset.
func (w *world) holds() (reset func() error) {
	w.t.Helper()
	command := w.me.Command(w.ctx(), "nc", "-d", "localhost", "9000")
	w.must(command.Start())
	w.becomes("it is open", func(s control.Status) bool {
		for _, one := range s.Tunnels {
			if one.Option == "-L 9000:localhost:8000" && one.Open == 1 {
				return true
			}
		}
		return false
	})
	return func() error {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = command.Wait()
		}()
		select {
		case <-ended:
			return nil
		case <-time.After(5 * time.Minute):
			_ = command.Process.Kill()
			return fmt.Errorf("an open connection hangs")
		}
	}
}

// TestTunnelInUse: a port that somebody has is a warning that names them, and
// with ExitOnForwardFailure the launch fails and leaves no tunnel behind.
func TestTunnelInUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.web(w.me, 9000, "other")
	_, stderr, code := w.local("keep", "--ssh", "ssh -oExitOnForwardFailure=yes", "-L", "9002:localhost:1", "-L", "9000:localhost:8000", "devbox")
	if code != 1 || !strings.Contains(stderr, "9000 is in use by busybox") {
		t.Errorf("%d, %s", code, stderr)
	}
	window := w.shell("-L", "9000:localhost:8000", "-R", "0:localhost:9000", "devbox")
	status := w.status()
	if len(status.Tunnels) != 2 || status.Tunnels[0].Problem == "" || status.Tunnels[1].Port == 0 {
		t.Fatalf("%+v", status.Tunnels)
	}
	w.fetches(w.dev, "other", fmt.Sprintf("http://localhost:%d/", status.Tunnels[1].Port))
	w.exit(window)
	w.nothingLeftBut("busybox")
}

// TestTunnelForbidden: mosha tells what a server does not forward, and the session
// begins all the same.
func TestTunnelForbidden(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"AllowTcpForwarding no", "PermitListen 9002"} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, line)
			window := w.shell("-L", "9000:localhost:1", "-R", "9001:localhost:1", "devbox")
			w.becomes("-R has failed", func(s control.Status) bool {
				return len(s.Tunnels) == 2 && s.Tunnels[0].State == "up" && s.Tunnels[1].State == "failed"
			})
			if out, _, _ := w.local("status", "devbox"); !strings.Contains(out, "-R 9001:localhost:1: the server does not listen on 9001") {
				t.Errorf("status:\n%s", out)
			}
			w.agentIsNow(window, w.key)
			w.exit(window)
			w.nothingLeft()
		})
	}
}

// TestTunnelMisused: a flag that lacks its value, or that ssh cannot read, is said.
func TestTunnelMisused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for args, want := range map[string]string{
		"keep -L":                 "mosha: -L needs a value\n",
		"keep -L 0:h:1 devbox":    "mosha: Bad local forwarding specification '0:h:1'\n",
		"forward --cancel devbox": "mosha: which tunnel?",
		"forward devbox":          "mosha: no connection in the background for devbox\n",
		"forward -D 1080 devbox":  "mosha: no connection in the background for devbox\n",
		"status -L 1:h:2":         "mosha: unknown flag -L\n",
	} {
		if _, stderr, code := w.local(strings.Fields(args)...); code == 0 || !strings.HasPrefix(stderr, want) {
			t.Errorf("mosha %s: %d, %s", args, code, stderr)
		}
	}
}
