package main

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/doctor"
	"github.com/mosha-ssh/mosha/internal/keeper"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// problem returns a check with one.
func problem(name string, place doctor.Place, state doctor.State, p doctor.Problem) doctor.Check {
	return doctor.Check{Name: name, Place: place, State: state, Problem: &p, Facts: map[string]string{}}
}

// TestEveryProblemHasWords: a cause for each, a cure for each that fails, and
// an exit code by where it is.
func TestEveryProblemHasWords(t *testing.T) {
	fail := func(name string, place doctor.Place, code int, kinds ...doctor.Kind) {
		t.Helper()
		for _, kind := range kinds {
			p := doctor.Problem{Kind: kind, Subject: "subject", Detail: "detail", Err: errors.New("said")}
			a := advise(problem(name, place, doctor.Fail, p), "devbox")
			if a.cause == "" || a.cure == "" || a.code != code || strings.Contains(a.cause+a.cure, "%!") {
				t.Errorf("%s: %+v, want code %d", kind, a, code)
			}
			p.Other = true // the server is not OpenSSH's
			a = advise(problem(name, place, doctor.Fail, p), "devbox")
			if a.cure == "" || strings.Contains(a.cause+a.cure, "sshd_config") {
				t.Errorf("%s: %+v, of another server", kind, a)
			}
		}
	}
	fail(doctor.CheckMosh, doctor.Here, 1, doctor.NotInstalled, doctor.OldVersion, doctor.Broken)
	fail(doctor.CheckLocale, doctor.Here, 1, doctor.NotUTF8)
	fail(doctor.CheckAgent, doctor.Here, 1, doctor.NoAgent, doctor.AgentFails, doctor.AgentEmpty)
	fail(doctor.CheckKeeper, doctor.Here, 1, doctor.KeeperWaits)
	fail(doctor.CheckConnection, doctor.Between, 1, doctor.WrongFamily)
	fail(doctor.CheckUDP, doctor.Between, 4, doctor.NoAddress, doctor.UDPSilent, doctor.UDPRefused, doctor.UDPFails)
	fail(doctor.CheckShell, doctor.There, 7, doctor.NoShell, doctor.NoRoom, doctor.Noise)
	fail(doctor.CheckShell, doctor.There, 6, doctor.Expired)
	fail(doctor.CheckShell, doctor.There, 4, doctor.Lost)
	fail(doctor.CheckMoshServer, doctor.There, 7, doctor.NotInstalled, doctor.ServerFails)
	fail(doctor.CheckServerLocale, doctor.There, 7, doctor.NotUTF8)
	fail(doctor.CheckForwarding, doctor.There, 7, doctor.NoForwarding)
	fail(doctor.CheckLink, doctor.There, 7, doctor.LinkOccupied, doctor.LinkDead)
	fail(doctor.CheckSignature, doctor.There, 7, doctor.AgentHides, doctor.AgentFails, doctor.Refused, doctor.NoTool, doctor.NoAnswer)
	fail(doctor.CheckSetup, doctor.There, 7, doctor.NotSetUp, doctor.CannotSetUp, doctor.HomeFixed)
	fail(doctor.CheckUserRC, doctor.There, 7, doctor.RCIdle)
	fail(doctor.CheckLoginShell, doctor.There, 7, doctor.ShellUnset, doctor.ShellEmptied, doctor.ShellBeside,
		doctor.ShellOther, doctor.ShellDead, doctor.ShellSilent)
	for _, kind := range []doctor.Kind{doctor.Touch, doctor.RCUnseen, doctor.RCDeclines, doctor.ShellElse, doctor.NotReached} {
		if a := advise(problem(doctor.CheckShell, doctor.There, doctor.Skip, doctor.Problem{Kind: kind}), "devbox"); a.cause == "" {
			t.Errorf("%s has no words", kind)
		}
	}
	// An error that has words of its own keeps them, and its code.
	for code, err := range map[int]error{
		4: &sshconn.ConnectError{Cause: sshconn.CauseRefused}, 5: &sshconn.HostKeyError{Problem: sshconn.KeyChanged}, 6: &sshconn.AuthError{},
	} {
		a := advise(problem(doctor.CheckConnection, doctor.Between, doctor.Fail, doctor.Problem{Kind: doctor.NoConnection, Err: err}), "devbox")
		if a.code != code || a.cause != explain(err).message {
			t.Errorf("%v: %+v, want code %d", err, a, code)
		}
	}
	if a := advise(problem(doctor.CheckKeeper, doctor.Here, doctor.Fail, doctor.Problem{Kind: doctor.KeeperFails, Err: &keeper.SilentError{}}), "devbox"); a.code != 1 {
		t.Errorf("a silent keeper: %+v", a)
	}
}

// TestChecklist: what comes from a remote cannot write on the terminal, and
// what was not reached is named once.
func TestChecklist(t *testing.T) {
	list := newChecklist(false)
	text := ""
	for _, c := range []doctor.Check{
		{Name: doctor.CheckMosh, Place: doctor.Here, State: doctor.OK, Facts: map[string]string{"version": "1.4.0\x1b[2J"}},
		problem(doctor.CheckUDP, doctor.Between, doctor.Fail, doctor.Problem{Kind: doctor.UDPSilent, Subject: "60001", Detail: "192.0.2.1"}),
		problem(doctor.CheckShell, doctor.There, doctor.Skip, doctor.Problem{Kind: doctor.NotReached, Subject: doctor.CheckUDP}),
		problem(doctor.CheckUserRC, doctor.There, doctor.Skip, doctor.Problem{Kind: doctor.NotReached, Subject: doctor.CheckUDP}),
	} {
		text += list.lines(c, advise(c, "devbox"))
	}
	text += list.last("one thing is in the way")
	want := `here
  ok    mosh           1.4.0\x1b[2J

between
  FAIL  udp            mosh-server runs on port 60001 of 192.0.2.1, and nothing comes back from there
                       -> let UDP ports 60000 to 61000 through every firewall on the way, or name one that is open: -p PORT

not looked at: shell, ~/.ssh/rc
one thing is in the way
`
	if text != want {
		t.Errorf("the text is\n%s\nwant\n%s", text, want)
	}
}

// TestCheckJSON is the shape that docs/reference.md describes.
func TestCheckJSON(t *testing.T) {
	c := problem(doctor.CheckLink, doctor.There, doctor.Warn, doctor.Problem{Kind: doctor.LinkDead, Subject: "/gone"})
	c.Facts = map[string]string{"owner": "", "target": "/gone"}
	out, err := json.Marshal(checkJSON(c, advise(c, "devbox")))
	want := `{"check":"link","where":"there","state":"warn","cause":"leads nowhere: /gone","cure":"the next session mends it","facts":{"target":"/gone"}}`
	if err != nil || string(out) != want {
		t.Errorf("%s, %v; want %s", out, err, want)
	}
	if name := regexp.MustCompile(`^[a-z-]+$`); !name.MatchString(c.Name) {
		t.Errorf("the name %q", c.Name)
	}
}
