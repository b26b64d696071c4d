package main

import (
	"encoding/json"
	"regexp"
	"testing"

	"github.com/mosha-ssh/mosha/internal/doctor"
	"github.com/mosha-ssh/mosha/internal/explain"
)

// problem returns a check with one.
func problem(name string, place doctor.Place, state doctor.State, p doctor.Problem) doctor.Check {
	return doctor.Check{Name: name, Place: place, State: state, Problem: &p, Facts: map[string]string{}}
}

// TestChecklist: what comes from a remote cannot write on the terminal, and
// what was not reached is named once.
func TestChecklist(t *testing.T) {
	var list checklist
	text := ""
	for _, c := range []doctor.Check{
		{Name: doctor.CheckMosh, Place: doctor.Here, State: doctor.OK, Facts: map[string]string{"version": "1.4.0\x1b[2J"}},
		problem(doctor.CheckUDP, doctor.Between, doctor.Fail, doctor.Problem{Kind: doctor.UDPSilent, Subject: "60001", Detail: "192.0.2.1"}),
		problem(doctor.CheckShell, doctor.There, doctor.Skip, doctor.Problem{Kind: doctor.NotReached, Subject: doctor.CheckUDP}),
		problem(doctor.CheckUserRC, doctor.There, doctor.Skip, doctor.Problem{Kind: doctor.NotReached, Subject: doctor.CheckUDP}),
	} {
		text += list.lines(c, explain.Check(c, explain.Examined{Host: "devbox"}))
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
	out, err := json.Marshal(checkJSON(c, explain.Check(c, explain.Examined{Host: "devbox"})))
	want := `{"check":"link","where":"there","state":"warn","cause":"leads nowhere: /gone","cure":"the next session mends it","facts":{"target":"/gone"}}`
	if err != nil || string(out) != want {
		t.Errorf("%s, %v; want %s", out, err, want)
	}
	if name := regexp.MustCompile(`^[a-z-]+$`); !name.MatchString(c.Name) {
		t.Errorf("the name %q", c.Name)
	}
}
