//go:build linux

package transport

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// tokens are all that the command may have, but for what depends on the name of
// the machine. Until 9.6 ssh had the name without port and alias in %H when it
// asked for the algorithms, and looked for that name.
func (o *oracle) tokens() string {
	all := `%% %d %h %i %k %n %p %r %u "%f '%H" %I-%t '%K' ${MOSHA_TEST} a\ b \"c`
	if !o.orders() {
		return strings.Replace(all, "%H", "-", 1)
	}
	return all
}

func (o *oracle) orders() bool { return o.sshd.Version().AtLeast(9, 6) }

// recorder returns a KnownHostsCommand that writes its arguments down and prints
// a file, and the files that it needs.
func (o *oracle) recorder(printed string) (program string, files map[string]string) {
	o.t.Helper()
	calls := o.path("calls")
	script := o.write("script", "#!/bin/sh\nprintf '<%s>' \"$@\" >>"+calls+"\necho >>"+calls+"\ncat "+o.path("printed")+"\n")
	if err := os.Chmod(script, 0o700); err != nil {
		o.t.Fatal(err)
	}
	return script, map[string]string{"known_hosts": "", "calls": "", "printed": printed}
}

// wantCalls compares what the command was last called for.
func (o *oracle) wantCalls(want ...string) {
	o.t.Helper()
	calls := strings.Split(strings.TrimSuffix(o.read("calls"), "\n"), "\n")
	if len(calls) != len(want) {
		o.t.Fatalf("%d calls, want %d:\n%s", len(calls), len(want), calls)
	}
	for i, what := range want {
		if !strings.Contains(calls[i], "<"+what+">") {
			o.t.Errorf("call %d is not for %s: %s", i, what, calls[i])
		}
	}
}

// TestKnownHostsCommandAsSSH compares the arguments that both give it.
func TestKnownHostsCommandAsSSH(t *testing.T) {
	t.Setenv("MOSHA_TEST", "a b %h")
	o := newOracle(t, lab.SshdConfig{HostKeys: hostKeyTypes})
	program, files := o.recorder("127.0.0.1," + o.name + o.lines()["ssh-rsa"])
	tokens := o.tokens()
	o.compare("known", files, "KnownHostsCommand "+program+" "+tokens+" %C %l %L")
	o.wantCalls("ORDER-NONE", "HOSTNAME-ssh-rsa")
	o.compare("fixed order", files, "KnownHostsCommand "+program+" "+tokens, "HostKeyAlgorithms rsa-sha2-512,ecdsa-sha2-nistp256")
	o.wantCalls("HOSTNAME-ssh-rsa")
	if o.orders() {
		o.compare("unknown", files, "KnownHostsCommand "+program+" "+tokens, "HostKeyAlias other")
	}
}

func TestKnownHostsCommandForAddressAsSSH(t *testing.T) {
	t.Setenv("MOSHA_TEST", "a b %h")
	o := newAddressOracle(t)
	tokens := o.tokens()
	program, files := o.recorder("box" + o.lines()["ssh-rsa"])
	if o.orders() {
		o.compare("known", files, "KnownHostsCommand "+program+" "+tokens)
		o.wantCalls("ORDER-NONE", "HOSTNAME-ssh-rsa", "ADDRESS-ssh-rsa")
	}
	program, files = o.recorder("box" + o.lines()["ssh-ed25519"] + o.address + newKeyLines(o.site, "other")["ssh-rsa"])
	o.compare("address differs", files, "KnownHostsCommand "+program+" "+tokens, "StrictHostKeyChecking yes")
	o.wantCalls("ORDER-NONE", "HOSTNAME-ssh-ed25519", "ADDRESS-ssh-ed25519")
}

func TestKnownHostsCommandVerdicts(t *testing.T) {
	t.Parallel()
	o := newOracle(t, lab.SshdConfig{HostKeys: hostKeyTypes})
	if !o.orders() {
		o.common = []string{"HostKeyAlgorithms ecdsa-sha2-nistp256,ssh-ed25519,rsa-sha2-512"}
	}
	good := o.name + o.lines()["ecdsa-sha2-nistp256"]
	for _, test := range labtest.Rows(6, []struct{ name, command, printed string }{
		{"known", "/bin/cat {dir}/printed", good},
		{"known without the port", "/bin/cat {dir}/printed", "127.0.0.1" + o.lines()["ecdsa-sha2-nistp256"]},
		{"junk", "/bin/cat {dir}/printed", "\x00\n@@@\n|1|x\n" + strings.Repeat("x", 1<<20) + "\n" + good},
		{"authority", "/bin/cat {dir}/printed", "@cert-authority *" + o.lines()["ssh-ed25519"]},
		{"revoked", "/bin/cat {dir}/printed", "@revoked *" + o.lines()["ssh-ed25519"]},
		{"nothing", "/bin/true", good},
		{"fails", "/bin/cat {dir}/printed /nonexistent", good},
		{"is not there", "/nonexistent", good},
		{"is relative", "cat {dir}/printed", good},
		{"through a pipe", "/bin/sh -c \"cat {dir}/printed | cat\"", good},
		{"quotes", "/bin/sh -c 'cat \"{dir}/printed\"'", good},
		{"leaves a child behind", "/bin/sh -c \"cat {dir}/printed; sleep 0.3 &\"", good},
	}) {
		for _, strict := range []string{"yes", "accept-new"} {
			o.compare(test.name, map[string]string{"known_hosts": "", "printed": test.printed},
				"KnownHostsCommand "+strings.ReplaceAll(test.command, "{dir}", o.dir), "StrictHostKeyChecking "+strict)
		}
	}
}

func TestKnownHostsCommandErrors(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.SshdConfig{})
	for _, test := range []struct {
		command string
		status  int
		message string
	}{
		{"/bin/sh -c 'echo one >&2; echo two >&2; exit 7'", 7, "two"},
		{"/bin/sh -c 'kill -9 $$'", -1, ""},
		{fmt.Sprintf("/usr/bin/head -c %d /dev/zero", maxCommandOutput+1), -1, "more than 4 MB of output"},
	} {
		_, err := s.dial(s.config("KnownHostsCommand " + test.command))
		failed := &sshconn.KnownHostsCommandError{}
		if !errors.As(err, &failed) || failed.Status != test.status || failed.Message != test.message {
			t.Errorf("%s: %v", test.command, err)
		}
	}
	if conn, err := s.dial(s.config(fmt.Sprintf("KnownHostsCommand /usr/bin/head -c %d /dev/zero", maxCommandOutput))); err != nil {
		t.Errorf("as much output as may be: %v", err)
	} else {
		conn.Close()
	}
}

// TestKnownHostsCommandIsEnded: a command that hangs ends with the attempt, and
// what it started with it.
func TestKnownHostsCommandIsEnded(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	pid := s.path("pid")
	cfg := s.config("KnownHostsCommand /bin/sh -c 'sleep 1000 & echo $! >" + pid + ".new; mv " + pid + ".new " + pid + "; wait'")
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	labtest.LeavesNothing(t, func() {
		go func() {
			_ = lab.Eventually(t.Context(), "the command runs", func() (bool, error) { return s.read("pid") != "", nil })
			cancel(gone)
		}()
		if _, err := Dial(ctx, cfg, options(cfg)); !errors.Is(err, gone) {
			t.Errorf("got %v", err)
		}
	})
	child := "/proc/" + strings.TrimSpace(s.read("pid"))
	err := lab.Eventually(t.Context(), "its child ends", func() (bool, error) {
		state, err := os.ReadFile(child + "/stat")
		return err != nil || strings.Contains(string(state), ") Z "), nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestSlowKnownHostsCommand: the time that a command takes is not the server's.
func TestSlowKnownHostsCommand(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.SshdConfig{})
	ran := s.path("ran")
	conn, err := s.dial(s.config("ConnectTimeout 3", "KnownHostsCommand /bin/sh -c 'test $0 = HOSTNAME || sleep 3.1; echo $0 >>"+ran+"' %I"))
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if got := s.read("ran"); got != "ORDER\nHOSTNAME\n" {
		t.Errorf("ran for %q", got)
	}
}
