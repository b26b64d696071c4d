package tunnel

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		kind Kind
		text string
		want Spec
	}{
		{Local, "8080:h:80", Spec{Local, Endpoint{Port: 8080}, Endpoint{Host: "h", Port: 80}}},
		{Local, ":8080:h:80", Spec{Local, Endpoint{Host: "*", Port: 8080}, Endpoint{Host: "h", Port: 80}}},
		{Local, "[::1]:8080:[fe80::1%eth0]:80", Spec{Local, Endpoint{Host: "::1", Port: 8080}, Endpoint{Host: "fe80::1%eth0", Port: 80}}},
		{Local, "8080:/s", Spec{Local, Endpoint{Port: 8080}, Endpoint{Path: "/s"}}},
		{Local, "*:8080:/s", Spec{Local, Endpoint{Host: "*", Port: 8080}, Endpoint{Path: "/s"}}},
		{Local, "/a:/b", Spec{Local, Endpoint{Path: "/a"}, Endpoint{Path: "/b"}}},
		{Local, `/a\:b:h:22`, Spec{Local, Endpoint{Path: "/a:b"}, Endpoint{Host: "h", Port: 22}}},
		{Remote, "0:h:80", Spec{Remote, Endpoint{}, Endpoint{Host: "h", Port: 80}}},
		{Remote, "1080", Spec{Remote, Endpoint{Port: 1080}, Endpoint{}}},
		{Remote, "localhost:0", Spec{Remote, Endpoint{Host: "localhost"}, Endpoint{}}},
		{Remote, "/r:/l", Spec{Remote, Endpoint{Path: "/r"}, Endpoint{Path: "/l"}}},
		{Dynamic, " 1080", Spec{Dynamic, Endpoint{Port: 1080}, Endpoint{}}},
		{Dynamic, "/s", Spec{Dynamic, Endpoint{Path: "/s"}, Endpoint{}}},
		{Dynamic, "*:1080", Spec{Dynamic, Endpoint{Host: "*", Port: 1080}, Endpoint{}}},
	} {
		got, err := Parse(c.kind, c.text)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s %q: %v\n%s", c.kind, c.text, err, diff)
		}
	}
	for _, c := range []struct {
		kind Kind
		text string
	}{
		{Local, ""}, {Local, "80"}, {Local, "0:h:80"}, {Local, "1:h:0"}, {Local, "1:h:65536"}, {Local, "1:[h:2"}, {Local, "1::2"}, {Local, `1:h:2\`},
		{Local, "a:1:h:2:x"}, {Local, "/a"}, {Dynamic, "1:2:3"}, {Dynamic, "0"}, {Dynamic, "1:/x"}, {Remote, ""}, {Remote, "no-such-service"},
	} {
		if got, err := Parse(c.kind, c.text); err == nil {
			t.Errorf("%s %q: %+v", c.kind, c.text, got)
		}
	}
}

// printed asks ssh what it makes of a specification; ok is false if it refuses
// it.
func printed(t *testing.T, kind Kind, text string) (specs []Spec, ok bool) {
	t.Helper()
	out, err := exec.Command("ssh", "-F", "none", "-G", flags[kind], text, "h").Output()
	if err != nil {
		return nil, false
	}
	for line := range strings.Lines(string(out)) {
		keyword, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if !IsPrinted(keyword) {
			continue
		}
		spec, err := Printed(keyword, value)
		if err != nil && !strings.Contains(value, " []:") { // a target without a host
			t.Errorf("%s %q is printed as %q: %v", kind, text, line, err)
		}
		specs = append(specs, spec)
	}
	return Sound(specs), true
}

// TestParseAsSSH: what ssh takes is taken, in the same sense, and nothing else.
func TestParseAsSSH(t *testing.T) {
	random := rand.New(rand.NewPCG(12, 1))
	parts := []string{"80", "0", "65535", "65536", "-1", "+7", "http", "h", "localhost", "*", "", "[::1]", "[h]", "[/a:b]", "/s", "./s", `/a\:b`, `a\\b`, "[", "]", "127.0.0.1", " 9"}
	taken := 0
	for range 600 {
		kind := []Kind{Local, Remote, Dynamic}[random.IntN(3)]
		fields := make([]string, 1+random.IntN(4))
		for i := range fields {
			fields[i] = parts[random.IntN(len(parts))]
		}
		text := strings.Join(fields, ":")
		got, err := Parse(kind, text)
		specs, ok := printed(t, kind, text)
		switch {
		case ok && err != nil && absurd(fields, specs):
		case ok != (err == nil):
			t.Errorf("%s %q: %v, and ssh: %v", kind, text, err, specs)
		case ok && !slices.Equal(specs, []Spec{got}):
			t.Errorf("%s %q: %+v, and ssh: %+v", kind, text, got, specs)
		case ok:
			taken++
		}
	}
	if taken < 60 {
		t.Errorf("ssh took only %d", taken)
	}
}

// absurd reports whether ssh takes a specification of which no connection can
// come: a path where it wants a host, a target without a host, or one of -D.
func absurd(fields []string, specs []Spec) bool {
	path := func(f string) bool { return strings.Contains(f, "/") }
	switch {
	case len(specs) == 0: // printed as nothing that can be
		return true
	case len(fields) == 4 && (path(fields[0]) || path(fields[2])), len(fields) == 2 && path(fields[0]) && !path(fields[1]):
		return true
	case len(fields) == 3 && path(fields[0]) && path(fields[1]):
		return true
	}
	return specs[0].Kind == Local && strings.Count(fmt.Sprint(fields), "/") > 0 || slices.Contains(fields, "")
}

func TestPrinted(t *testing.T) {
	for _, c := range []struct {
		keyword, value string
		want           Spec
	}{
		{"localforward", "/tmp/a b /tmp/c d", Spec{Local, Endpoint{Path: "/tmp/a b"}, Endpoint{Path: "/tmp/c d"}}},
		{"localforward", "/tmp/a b [h]:1", Spec{Local, Endpoint{Path: "/tmp/a b"}, Endpoint{Host: "h", Port: 1}}},
		{"remoteforward", "/tmp/a b c/d", Spec{Remote, Endpoint{Path: "/tmp/a b"}, Endpoint{Path: "c/d"}}},
		{"remoteforward", "[]:0 [socks]:0", Spec{Remote, Endpoint{Host: "*"}, Endpoint{}}},
		{"dynamicforward", "[::1]:1080", Spec{Dynamic, Endpoint{Host: "::1", Port: 1080}, Endpoint{}}},
	} {
		if got, err := Printed(c.keyword, c.value); err != nil || got != c.want {
			t.Errorf("%s %s: %+v, %v", c.keyword, c.value, got, err)
		}
	}
	for _, value := range []string{"", "80", "[h]:80", "80 [h]:0", "80 [socks]:0", "99999 [h]:1", "80 h:1"} {
		if got, err := Printed("localforward", value); err == nil {
			t.Errorf("%q: %+v", value, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"1:h:2", "*:1:[::1]:2", `/a\:b:[/c]:d]`, "[ x/]:1", "0", " /x:/y"} {
		f.Add(0, text)
		f.Add(1, text)
		f.Add(2, text)
	}
	f.Fuzz(func(t *testing.T, kind int, text string) {
		s, err := Parse([]Kind{Local, Remote, Dynamic}[uint(kind)%3], text)
		if err != nil {
			return
		}
		again, err := Parse(s.Kind, s.String())
		if err != nil || again != s {
			t.Errorf("%q is %+v, written as %q and then %+v, %v", text, s, s.String(), again, err)
		}
	})
}

func FuzzPrinted(f *testing.F) {
	f.Add("localforward", "8080 [h]:80")
	f.Add("remoteforward", "[]:0 [socks]:0")
	f.Add("dynamicforward", "/tmp/x y")
	f.Fuzz(func(t *testing.T, keyword, value string) {
		s, err := Printed(keyword, value)
		if err == nil && (!s.valid() || s.Kind == Local && s.Target == Endpoint{}) {
			t.Errorf("%s %q is %+v", keyword, value, s)
		}
	})
}

func TestPermits(t *testing.T) {
	for _, c := range []struct {
		patterns string
		host     string
		port     int
		want     bool
	}{
		{"", "h", 1, true}, {"any", "h", 1, true}, {"none", "h", 1, false}, {"h:1", "h", 1, true}, {"h:1", "h", 2, false},
		{"h:*", "h", 2, true}, {"*:80", "x", 80, true}, {"*:80", "x", 81, false}, {"[::1]:22 h:1", "::1", 22, true}, {"H:1", "h", 1, false},
	} {
		r := Rules{PermitOpen: strings.Fields(c.patterns)}
		if got := r.permits(Endpoint{Host: c.host, Port: c.port}); got != c.want {
			t.Errorf("%q and %s:%d: %v", c.patterns, c.host, c.port, got)
		}
	}
}
