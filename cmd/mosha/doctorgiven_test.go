package main

import (
	"testing"

	"github.com/mosha-ssh/mosha/internal/doctor"
)

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
		given connectCmd
		want  string
	}{
		{missing(doctor.CheckMoshServer, doctor.There), connectCmd{SSH: "ssh"}, usual},
		{missing(doctor.CheckMoshServer, doctor.There), connectCmd{SSH: "ssh", Server: "/nope"}, namedPlace},
		{missing(doctor.CheckMoshServer, doctor.There), connectCmd{SSH: "ssh", Client: "/nope"}, usual},
		{missing(doctor.CheckMoshClient, doctor.Here), connectCmd{SSH: "ssh", Client: "/nope"}, namedPlace},
		{missing(doctor.CheckMoshClient, doctor.Here), connectCmd{SSH: "ssh", Server: "/nope"}, usual},
		{missing(doctor.CheckSSH, doctor.Here), connectCmd{SSH: "/nope -v"}, namedPlace},
		{silent, connectCmd{SSH: "ssh"}, usual},
		{silent, connectCmd{SSH: "ssh", Port: "60022"}, "let UDP port 60022 through every firewall on the way, or name another with -p"},
	} {
		if got := cureOfGiven(c.check, &c.given, usual); got != c.want {
			t.Errorf("%s with %+v: %q, want %q", c.check.Name, c.given, got, c.want)
		}
	}
}
