package explain

import (
	"errors"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/doctor"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/mosh"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// problem returns a check with one.
func problem(name string, place doctor.Place, state doctor.State, p doctor.Problem) doctor.Check {
	return doctor.Check{Name: name, Place: place, State: state, Problem: &p, Facts: map[string]string{}}
}

// TestCureOfGiven: whoever gave a flag is not told to give it.
func TestCureOfGiven(t *testing.T) {
	t.Parallel()
	const usual = "as ever"
	missing := func(name string, place doctor.Place) doctor.Check {
		return doctor.Check{Name: name, Place: place, Problem: &doctor.Problem{Kind: doctor.NotInstalled}}
	}
	silent := doctor.Check{Name: doctor.CheckUDP, Problem: &doctor.Problem{Kind: doctor.UDPSilent}}
	for _, c := range []struct {
		check doctor.Check
		given Examined
		want  string
	}{
		{missing(doctor.CheckMoshServer, doctor.There), Examined{SSH: "ssh"}, usual},
		{missing(doctor.CheckMoshServer, doctor.There), Examined{SSH: "ssh", Flags: mosh.Flags{Server: "/nope"}}, namedPlace},
		{missing(doctor.CheckMoshServer, doctor.There), Examined{SSH: "ssh", Flags: mosh.Flags{Client: "/nope"}}, usual},
		{missing(doctor.CheckMoshClient, doctor.Here), Examined{SSH: "ssh", Flags: mosh.Flags{Client: "/nope"}}, namedPlace},
		{missing(doctor.CheckMoshClient, doctor.Here), Examined{SSH: "ssh", Flags: mosh.Flags{Server: "/nope"}}, usual},
		{missing(doctor.CheckSSH, doctor.Here), Examined{SSH: "/nope -v"}, namedPlace},
		{silent, Examined{SSH: "ssh"}, usual},
		{silent, Examined{SSH: "ssh", Flags: mosh.Flags{Port: "60022"}}, "let UDP port 60022 through every firewall on the way, or name another with -p"},
	} {
		if got := cureOfGiven(c.check, c.given, usual); got != c.want {
			t.Errorf("%s with %+v: %q, want %q", c.check.Name, c.given, got, c.want)
		}
	}
}

// TestEveryProblemHasWords: a cause for each, a cure for each that fails, and
// an exit code by where it is.
func TestEveryProblemHasWords(t *testing.T) {
	fail := func(name string, place doctor.Place, code int, kinds ...doctor.Kind) {
		t.Helper()
		for _, kind := range kinds {
			p := doctor.Problem{Kind: kind, Subject: "subject", Detail: "detail", Err: errors.New("said")}
			a := Check(problem(name, place, doctor.Fail, p), Examined{Host: "devbox"})
			if a.Message == "" || a.Hint == "" || a.Code != code || strings.Contains(a.Message+a.Hint, "%!") {
				t.Errorf("%s: %+v, want code %d", kind, a, code)
			}
			p.Other = true // the server is not OpenSSH's
			a = Check(problem(name, place, doctor.Fail, p), Examined{Host: "devbox"})
			if a.Hint == "" || strings.Contains(a.Message+a.Hint, "sshd_config") {
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
		if a := Check(problem(doctor.CheckShell, doctor.There, doctor.Skip, doctor.Problem{Kind: kind}), Examined{Host: "devbox"}); a.Message == "" {
			t.Errorf("%s has no words", kind)
		}
	}
	// An error that has words of its own keeps them, and its code.
	for code, err := range map[int]error{
		4: &sshconn.ConnectError{Cause: sshconn.CauseRefused}, 5: &sshconn.HostKeyError{Problem: sshconn.KeyChanged}, 6: &sshconn.AuthError{},
	} {
		a := Check(problem(doctor.CheckConnection, doctor.Between, doctor.Fail, doctor.Problem{Kind: doctor.NoConnection, Err: err}), Examined{Host: "devbox"})
		if a.Code != code || a.Message != Error(err).Message {
			t.Errorf("%v: %+v, want code %d", err, a, code)
		}
	}
	if a := Check(problem(doctor.CheckKeeper, doctor.Here, doctor.Fail, doctor.Problem{Kind: doctor.KeeperFails, Err: &control.SilentError{}}), Examined{Host: "devbox"}); a.Code != 1 {
		t.Errorf("a silent keeper: %+v", a)
	}
}
