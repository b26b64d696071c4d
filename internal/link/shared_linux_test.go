package link

import (
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/homes"
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
	homes.Check(t, m.Replace("/usr/bin/stat", "#!/bin/sh\n[ \"$1 $2 $3\" != '-f -c %T' ] || echo nfs\n", 0o755))
	homes.Check(t, m.Do(func() error {
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
func newSharedHosts(t *testing.T) (a, b *homes.Site) {
	t.Helper()
	setting := "SetEnv XDG_RUNTIME_DIR=" + runtimeDir
	a = homes.NewSite(t, setting).Login(t, "bash")
	makeShared(t, a.Lab.Devbox, a.Account)
	second, err := a.Lab.AddMachine("second")
	homes.Check(t, err)
	sshd, err := second.Sshd(lab.SshdConfig{Extra: []string{setting}})
	homes.Check(t, err)
	makeShared(t, second, a.Account)
	lines, err := sshd.HostKeyLines("second")
	homes.Check(t, err)
	homes.Check(t, a.Person.KnowHost(lines...))
	onSecond := *a
	onSecond.Host = "second"
	setUp(t, a)
	return a, &onSecond
}

// leads checks where the link leads on the site's host.
func leadsTo(s *homes.Site, want string) {
	s.T.Helper()
	out, _ := s.SSH("-a", "readlink -f "+remotesh.LinkPath+" || echo nowhere").Output()
	compare(s.T, "where the link of "+s.Host+" leads", want, strings.TrimSpace(string(out)))
}

// TestHomeSharedByHosts lets two hosts use one home: each has its own agent.
func TestHomeSharedByHosts(t *testing.T) {
	t.Parallel()
	a, b := newSharedHosts(t)
	holderA, agentA := overHold(a, claim)
	holderA.expect(outcome{State: set})
	leadsTo(a, agentA)
	holderB, agentB := overHold(b, claim)
	holderB.expect(outcome{State: set})
	leadsTo(a, agentA)
	leadsTo(b, agentB)
	holderA.order(ping(1), pong{Token: 1, Owner: ownerSelf})
	holderB.order(ping(1), pong{Token: 1, Owner: ownerSelf})

	taken := a.Run("-A", "-tt", "echo $SSH_AUTH_SOCK; readlink -f "+remotesh.LinkPath)
	if sock, link, _ := strings.Cut(taken, "\n"); sock != link || link == agentA {
		t.Errorf("a login with an agent: %q", taken)
	}
	leadsTo(b, agentB)
	holderA.order(ping(2), pong{Token: 2, Owner: ownerSelf})
	leadsTo(a, agentA)

	_, err := holderA.Write([]byte(quit))
	homes.Check(t, err)
	holderA.end()
	leadsTo(a, runtimeDir+"/ssh_auth_sock")
	leadsTo(b, agentB)
	_, err = holderB.Write([]byte(quit))
	homes.Check(t, err)
	holderB.end()
	compare(t, "report", []string{"removed ~/" + remotesh.LinkPath, "removed ~/.ssh/rc", "removed ~/.bashrc", "removed ~/.profile"}, undone(t, a))
}

// TestLinkInSharedHome lets others change the link in the home, of which the
// hosts' own links know nothing.
func TestLinkInSharedHome(t *testing.T) {
	t.Parallel()
	s, _ := newSharedHosts(t)
	own := runtimeDir + "/ssh_auth_sock"
	h, agent := overHold(s, claim)
	h.expect(outcome{State: set})
	other, err := s.Account.Agent()
	homes.Check(t, err)
	relink := func(text string) {
		t.Helper()
		homes.Check(t, os.Remove(s.Link()))
		if text != "" {
			homes.Check(t, os.Symlink(text, s.Link()))
		}
	}
	host := func() string { t.Helper(); return s.Run("-a", "readlink "+own) }
	for _, c := range []struct {
		what, home, want string // the link in the home before and after
		order            order
		answer           event
		host             string // the host's link afterwards
	}{
		{"removed", "", own, ping(1), pong{Token: 1, Owner: ownerSelf}, agent},
		{"removed", "", own, reclaim(true), outcome{State: set}, agent},
		{"dead, by repair", "/./gone", own, ping(2), pong{Token: 2, Owner: ownerSelf}, agent},
		{"another's, by repair", homes.ByRepair(other.Sock), own, ping(3), pong{Token: 3, Owner: ownerSelf}, agent},
		{"another's", other.Sock, other.Sock, ping(4), pong{Token: 4, Owner: ownerOther}, agent},
		{"another's", other.Sock, other.Sock, reclaim(true), outcome{State: kept}, agent},
		{"another's, claimed", other.Sock, own, claim, outcome{State: set}, agent},
		{"dead, a person's", "/gone", own, ping(5), pong{Token: 5, Owner: ownerSelf}, homes.ByRepair(agent)},
		{"claimed", "/gone", own, claim, outcome{State: set}, agent},
	} {
		t.Log(c.what, c.order)
		relink(c.home)
		h.order(c.order, c.answer)
		compare(t, "the link in the home", c.want, s.Target())
		compare(t, "the host's link", c.host, host())
	}

	t.Log("the host's link is another's, and the one in the home is lost")
	s.Run("-a", "ln -sfn "+other.Sock+" "+own)
	relink("/gone")
	h.order(ping(6), pong{Token: 6, Owner: ownerOther})
	compare(t, "the link in the home", own, s.Target())
	compare(t, "the host's link", other.Sock, host())

	t.Log("nobody hears of a holder that has lost the home")
	quiet, agent := overHoldEvery(s, claim, time.Second)
	quiet.expect(outcome{State: set})
	compare(t, "the host's link", agent, host())
	quiet.order(ping(1), pong{Token: 1, Owner: ownerSelf})
	relink("")
	homes.Eventually(t, "it gives the host's link up", func() bool { return s.Run("-a", "readlink "+own+" || echo none") == "none" })
	homes.Check(t, quiet.Close())
	homes.Check(t, h.Close())
}

// undone takes the set-up back, and returns what became of each file.
func undone(t *testing.T, s *homes.Site) (files []string) {
	t.Helper()
	report, err := bootstrap.Undo(t.Context(), s)
	homes.Check(t, err)
	for _, f := range report.Files {
		files = append(files, string(f.Action)+" "+f.Path)
	}
	return files
}
