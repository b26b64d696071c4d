package bootstrap

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/lab"
)

// runtimeDir is where the sessions of the hosts below have what is theirs, as
// systemd would make it.
const runtimeDir = "/run/user/lab"

// makeShared has a machine take every home for one on NFS, which stands in for
// one: the two machines see the same directory, and only its kind is made up.
func makeShared(t *testing.T, m *lab.Machine, owner *lab.User) {
	t.Helper()
	check(t, m.Replace("/usr/bin/stat", "#!/bin/sh\n[ \"$1 $2 $3\" != '-f -c %T' ] || echo nfs\n", 0o755))
	check(t, m.Do(func() error {
		if err := unix.Mount("tmpfs", "/run/user", "tmpfs", 0, "mode=0755"); err != nil {
			return err
		}
		if err := os.Mkdir(runtimeDir, 0o700); err != nil {
			return err
		}
		return os.Chown(runtimeDir, owner.UID, owner.GID)
	}))
}

// TestHomeSharedByHosts has two hosts use one home: each has its own agent.
func TestHomeSharedByHosts(t *testing.T) {
	t.Parallel()
	setting := "SetEnv XDG_RUNTIME_DIR=" + runtimeDir
	a := newSite(t, setting).login(t, "bash")
	makeShared(t, a.lab.Devbox, a.account)
	second, err := a.lab.AddMachine("second")
	check(t, err)
	sshd, err := second.Sshd(lab.SshdConfig{Extra: []string{setting}})
	check(t, err)
	makeShared(t, second, a.account)
	lines, err := sshd.HostKeyLines("second")
	check(t, err)
	check(t, a.person.KnowHost(lines...))
	b := *a
	b.host = "second"

	setUp(t, a)
	leads := func(s *site, want string) {
		t.Helper()
		out, _ := s.ssh("-a", "readlink -f "+LinkPath+" || echo nowhere").Output()
		compare(t, "where the link of "+s.host+" leads", want, strings.TrimSpace(string(out)))
	}
	holderA, agentA := a.hold(Claim)
	holderA.expect(Link{State: LinkSet})
	leads(a, agentA)
	holderB, agentB := b.hold(Claim)
	holderB.expect(Link{State: LinkSet})
	leads(a, agentA)
	leads(&b, agentB)
	holderA.order(Ping(1), Pong{Token: 1, Owner: OwnerSelf})
	holderB.order(Ping(1), Pong{Token: 1, Owner: OwnerSelf})

	taken := a.run("-A", "-tt", "echo $SSH_AUTH_SOCK; readlink -f "+LinkPath)
	if sock, link, _ := strings.Cut(taken, "\n"); sock != link || link == agentA {
		t.Errorf("a login with an agent: %q", taken)
	}
	leads(&b, agentB)
	holderA.order(Ping(2), Pong{Token: 2, Owner: OwnerSelf})
	leads(a, agentA)

	_, err = holderA.Write([]byte(Quit))
	check(t, err)
	holderA.end()
	leads(a, runtimeDir+"/ssh_auth_sock")
	leads(&b, agentB)
	_, err = holderB.Write([]byte(Quit))
	check(t, err)
	holderB.end()
	compare(t, "report", rows(removed(LinkPath), removed(".ssh/rc"), removed(".bashrc"), removed(".profile")), undone(t, a))
}

func undone(t *testing.T, s *site) []row {
	t.Helper()
	report, err := Undo(t.Context(), s)
	check(t, err)
	return reported(t, report)
}
