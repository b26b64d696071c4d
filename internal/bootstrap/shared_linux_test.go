package bootstrap

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// runtimeDir is where the sessions of the hosts below have what is theirs, as
// systemd would make it.
const runtimeDir = "/run/user/lab"

// makeShared makes a machine take every home for one on NFS, which stands in
// for one: the two machines see the same directory, and only its kind is made
// up.
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

// newSharedHosts are two hosts that share the home of one account. Set-up was
// run on the first.
func newSharedHosts(t *testing.T) (a, b *site) {
	t.Helper()
	setting := "SetEnv XDG_RUNTIME_DIR=" + runtimeDir
	a = newSite(t, setting).login(t, "bash")
	makeShared(t, a.lab.Devbox, a.account)
	second, err := a.lab.AddMachine("second")
	check(t, err)
	sshd, err := second.Sshd(lab.SshdConfig{Extra: []string{setting}})
	check(t, err)
	makeShared(t, second, a.account)
	lines, err := sshd.HostKeyLines("second")
	check(t, err)
	check(t, a.person.KnowHost(lines...))
	onSecond := *a
	onSecond.host = "second"
	setUp(t, a)
	return a, &onSecond
}

// leads checks where the link leads on the site's host.
func (s *site) leads(want string) {
	s.t.Helper()
	out, _ := s.ssh("-a", "readlink -f "+remotesh.LinkPath+" || echo nowhere").Output()
	compare(s.t, "where the link of "+s.host+" leads", want, strings.TrimSpace(string(out)))
}

// TestHomeSharedByHosts lets two hosts use one home: each has its own agent.
func TestHomeSharedByHosts(t *testing.T) {
	t.Parallel()
	a, b := newSharedHosts(t)
	holderA, agentA := a.hold(link.Claim)
	holderA.expect(link.Outcome{State: link.Set})
	a.leads(agentA)
	holderB, agentB := b.hold(link.Claim)
	holderB.expect(link.Outcome{State: link.Set})
	a.leads(agentA)
	b.leads(agentB)
	holderA.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerSelf})
	holderB.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerSelf})

	taken := a.run("-A", "-tt", "echo $SSH_AUTH_SOCK; readlink -f "+remotesh.LinkPath)
	if sock, link, _ := strings.Cut(taken, "\n"); sock != link || link == agentA {
		t.Errorf("a login with an agent: %q", taken)
	}
	b.leads(agentB)
	holderA.order(link.Ping(2), link.Pong{Token: 2, Owner: link.OwnerSelf})
	a.leads(agentA)

	_, err := holderA.Write([]byte(link.Quit))
	check(t, err)
	holderA.end()
	a.leads(runtimeDir + "/ssh_auth_sock")
	b.leads(agentB)
	_, err = holderB.Write([]byte(link.Quit))
	check(t, err)
	holderB.end()
	compare(t, "report", rows(removed(remotesh.LinkPath), removed(".ssh/rc"), removed(".bashrc"), removed(".profile")), undone(t, a))
}

// TestLinkInSharedHome lets others change the link in the home, of which the
// hosts' own links know nothing.
func TestLinkInSharedHome(t *testing.T) {
	t.Parallel()
	s, _ := newSharedHosts(t)
	own := runtimeDir + "/ssh_auth_sock"
	h, agent := s.hold(link.Claim)
	h.expect(link.Outcome{State: link.Set})
	other, err := s.account.Agent()
	check(t, err)
	relink := func(text string) {
		t.Helper()
		check(t, os.Remove(s.link()))
		if text != "" {
			check(t, os.Symlink(text, s.link()))
		}
	}
	host := func() string { t.Helper(); return s.run("-a", "readlink "+own) }
	for _, c := range []struct {
		what, home, want string // the link in the home before and after
		order            link.Order
		answer           link.Event
		host             string // the host's link afterwards
	}{
		{"removed", "", own, link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerSelf}, agent},
		{"removed", "", own, link.Reclaim(true), link.Outcome{State: link.Set}, agent},
		{"dead, by repair", "/./gone", own, link.Ping(2), link.Pong{Token: 2, Owner: link.OwnerSelf}, agent},
		{"another's, by repair", byRepair(other.Sock), own, link.Ping(3), link.Pong{Token: 3, Owner: link.OwnerSelf}, agent},
		{"another's", other.Sock, other.Sock, link.Ping(4), link.Pong{Token: 4, Owner: link.OwnerOther}, agent},
		{"another's", other.Sock, other.Sock, link.Reclaim(true), link.Outcome{State: link.Kept}, agent},
		{"another's, claimed", other.Sock, own, link.Claim, link.Outcome{State: link.Set}, agent},
		{"dead, a person's", "/gone", own, link.Ping(5), link.Pong{Token: 5, Owner: link.OwnerSelf}, byRepair(agent)},
		{"claimed", "/gone", own, link.Claim, link.Outcome{State: link.Set}, agent},
	} {
		t.Log(c.what, c.order)
		relink(c.home)
		h.order(c.order, c.answer)
		compare(t, "the link in the home", c.want, s.target())
		compare(t, "the host's link", c.host, host())
	}

	t.Log("the host's link is another's, and the one in the home is lost")
	s.run("-a", "ln -sfn "+other.Sock+" "+own)
	relink("/gone")
	h.order(link.Ping(6), link.Pong{Token: 6, Owner: link.OwnerOther})
	compare(t, "the link in the home", own, s.target())
	compare(t, "the host's link", other.Sock, host())

	t.Log("nobody hears of a holder that has lost the home")
	quiet, agent := s.holdEvery(link.Claim, time.Second)
	quiet.expect(link.Outcome{State: link.Set})
	compare(t, "the host's link", agent, host())
	quiet.order(link.Ping(1), link.Pong{Token: 1, Owner: link.OwnerSelf})
	relink("")
	eventually(t, "it gives the host's link up", func() bool { return s.run("-a", "readlink "+own+" || echo none") == "none" })
	check(t, quiet.Close())
	check(t, h.Close())
}

func undone(t *testing.T, s *site) []row {
	t.Helper()
	report, err := Undo(t.Context(), s)
	check(t, err)
	return reported(t, report)
}
