package knownhosts

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

var host = Host{Hostname: "Host.example", Port: 22}

func hostOn(port int) Host { return Host{Hostname: "host.example", Port: port} }

func TestCheck(t *testing.T) {
	salted := hashName("host.example", []byte("12345678901234567890"))
	saltedPort := hashName("[host.example]:2222", []byte("12345678901234567890"))
	for _, test := range []struct {
		name   string
		file   string
		host   Host
		status Status
		line   int
	}{
		{"known", "host.example {ed1}", host, Match, 1},
		{"known with comment and blanks", "\t host.example \t {ed1} some words", host, Match, 1},
		{"empty file", "", host, Unknown, 0},
		{"other host", "other {ed1}", host, Unknown, 0},
		{"changed", "x {ed1}\nhost.example {ed2}", host, Changed, 2},
		{"changed, other type only", "host.example {rsa1}", host, Changed, 1},
		{"changed, last differing line is told", "host.example {ed2}\nhost.example {rsa1}", host, Changed, 2},
		{"one of several", "host.example {ed2}\nhost.example {rsa1}\nhost.example {ed1}", host, Match, 3},
		{"upper case in the file", "HOST.Example {ed1}", host, Match, 1},
		{"list of names", "a,b,host.example,10.0.0.1 {ed1}", host, Match, 1},
		{"wildcard", "*.example {ed1}", host, Match, 1},
		{"question marks", "????.exampl? {ed1}", host, Match, 1},
		{"negated", "*.example,!host.example {ed1}", host, Unknown, 0},
		{"negated first", "!host.example,*.example {ed1}", host, Unknown, 0},
		{"hashed", salted + " {ed1}", host, Match, 1},
		{"hashed, changed", salted + " {ed2}", host, Changed, 1},
		{"bad hash is skipped", "|1|zz|zz {ed2}\n|2|a|b {ed2}\nhost.example {ed1}", host, Match, 3},
		{"unparsable lines are skipped", "host.example 1024 35 14350\nhost.example ssh-xmss@openssh.com AAAA\nhost.example ssh-ed25519 !!\njunk\n\x00\nhost.example {ed1}", host, Match, 6},
		{"type and key differ", "host.example ecdsa-sha2-nistp256 " + strings.Fields(keyText("ed1"))[1], host, Unknown, 0},
		{"rsa by a signature algorithm's name", "host.example rsa-sha2-512 " + strings.Fields(keyText("rsa1"))[1], host, Changed, 1},
		{"comment line", "# host.example {ed2}\n  #x\nhost.example {ed1}", host, Match, 3},
		{"DOS line", "host.example {ed1}\r\n", host, Match, 1},
		{"no newline at the end", "host.example {ed2}\nhost.example {ed1}", host, Match, 2},

		{"port", "[host.example]:2222 {ed1}", hostOn(2222), Match, 1},
		{"port, upper case", "[HOST.example]:2222 {ed1}", hostOn(2222), Match, 1},
		{"port, hashed", saltedPort + " {ed1}", hostOn(2222), Match, 1},
		{"port, changed", "[host.example]:2222 {ed2}", hostOn(2222), Changed, 1},
		{"port, entry without", "host.example {ed1}", hostOn(2222), Match, 1},
		{"port, entry without differs", "host.example {ed2}", hostOn(2222), Unknown, 0},
		{"port, both, other port's changed", "host.example {ed1}\n[host.example]:2222 {ed2}", hostOn(2222), Changed, 2},
		{"other port", "[host.example]:2223 {ed1}", hostOn(2222), Unknown, 0},
		{"port 22 in brackets is no entry for 22", "[host.example]:22 {ed1}", host, Unknown, 0},
		{"wildcard matches with port", "[*.example]:* {ed1}", hostOn(2222), Match, 1},

		{"alias", "MyAlias {ed1}", Host{Hostname: "h", Alias: "myalias", Port: 2222}, Match, 1},
		{"alias takes no port", "[myalias]:2222 {ed1}\nh {ed1}", Host{Hostname: "h", Alias: "myalias", Port: 2222}, Unknown, 0},

		{"revoked", "host.example {ed1}\n@revoked * {ed1}", host, Revoked, 2},
		{"revoked other key", "host.example {ed1}\n@revoked * {ed2}", host, Match, 1},
		{"revoked for other host", "host.example {ed1}\n@revoked other {ed1}", host, Match, 1},
		{"revoked without port", "@revoked host.example {ed1}", hostOn(2222), Revoked, 1},
		{"unknown marker", "@frob host.example {ed1}", host, Unknown, 0},
		{"two markers", "@revoked @cert-authority host.example {ed1}", host, Unknown, 0},
		{"marker ended by tab", "@revoked\thost.example {ed1}", host, Unknown, 0},
		{"authority's own key is not the host's", "@cert-authority * {ed1}", host, Unknown, 0},
		{"authority beside the key", "@cert-authority * {ca1}\nhost.example {ed1}", host, Match, 2},
	} {
		r := read(t, test.file).check(test.host, public("ed1"))
		if r.Status != test.status || r.Line != test.line {
			t.Errorf("%s: got %+v, want status %d in line %d", test.name, r, test.status, test.line)
		}
	}
}

func TestCheckCertificate(t *testing.T) {
	change := func(f func(*ssh.Certificate)) []func(*ssh.Certificate) { return []func(*ssh.Certificate){f} }
	for _, test := range []struct {
		name    string
		file    string
		host    Host
		change  []func(*ssh.Certificate)
		status  Status
		problem string
	}{
		{"good", "@cert-authority *.example {ca1}", host, nil, Match, ""},
		{"good, any host, other port", "@cert-authority * {ca1}", hostOn(2222), nil, Match, ""},
		{"good, name without port, other port", "@cert-authority host.example {ca1}", hostOn(2222), nil, Match, ""},
		{"other authority", "@cert-authority * {ca2}", host, nil, Unknown, ""},
		{"authority of other hosts", "@cert-authority *.org {ca1}", host, nil, Unknown, ""},
		{"plain key of a certificate", "host.example {ed1}", host, nil, Match, ""},
		{"plain key, other port", "host.example {ed1}", hostOn(2222), nil, Match, ""},
		{"plain key differs", "host.example {ed2}", host, nil, Changed, ""},
		{"authority revoked", "@cert-authority * {ca1}\n@revoked * {ca1}", host, nil, Revoked, ""},
		{"certified key revoked", "@cert-authority * {ca1}\n@revoked * {ed1}", host, nil, Revoked, ""},
		{"authority's key as a plain entry", "host.example {ca1}", host, nil, Changed, ""},
		{"user certificate", "@cert-authority * {ca1}", host, change(func(c *ssh.Certificate) { c.CertType = ssh.UserCert }), Unknown, "not a host certificate"},
		{"expired", "@cert-authority * {ca1}", host, change(func(c *ssh.Certificate) { c.ValidBefore = uint64(now.Unix()) }), Unknown, "expired"},
		{"not yet valid", "@cert-authority * {ca1}", host, change(func(c *ssh.Certificate) { c.ValidAfter = uint64(now.Unix()) + 1 }), Unknown, "not yet valid"},
		{"for ever", "@cert-authority * {ca1}", host, change(func(c *ssh.Certificate) { c.ValidAfter, c.ValidBefore = 0, ssh.CertTimeInfinity }), Match, ""},
		{"other principal", "@cert-authority * {ca1}", host, change(func(c *ssh.Certificate) { c.ValidPrincipals = []string{"a", "b"} }), Unknown, "name is not a listed principal"},
		{"principal with wildcard", "@cert-authority * {ca1}", host, change(func(c *ssh.Certificate) { c.ValidPrincipals = []string{"a", "*.example"} }), Match, ""},
		{"no principals", "@cert-authority * {ca1}", host, change(func(c *ssh.Certificate) { c.ValidPrincipals = nil }), Unknown, "no principals"},
		{"critical option", "@cert-authority * {ca1}", host, change(func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"x": ""} }), Unknown, "unsupported critical options"},
		{"bad, but the plain key is known", "@cert-authority * {ca1}\nhost.example {ed1}", host, change(func(c *ssh.Certificate) { c.ValidBefore = 1 }), Match, "expired"},
		{"bad, and its authority revoked without the port", "@cert-authority [host.example]:2222 {ca1}\n@revoked host.example {ca1}", hostOn(2222), change(func(c *ssh.Certificate) { c.ValidBefore = 1 }), Unknown, "expired"},
		{"good without the port, where its authority is revoked", "@revoked host.example {ca1}", hostOn(2222), nil, Revoked, ""},
		{"principal is the alias", "@cert-authority * {ca1}", Host{Hostname: "h", Alias: "host.example", Port: 2222}, nil, Match, ""},
	} {
		r := read(t, test.file).check(test.host, cert(t, "ed1", "ca1", test.change...))
		if r.Status != test.status || r.CertProblem != test.problem {
			t.Errorf("%s: got %+v, want status %d and problem %q", test.name, r, test.status, test.problem)
		}
	}
}

// TestCertificateSignature has the certificate changed after it was signed,
// which x/crypto does not notice when it parses one.
func TestCertificateSignature(t *testing.T) {
	forged := cert(t, "ed1", "ca1", func(c *ssh.Certificate) { c.ValidPrincipals = []string{"other"} })
	forged.ValidPrincipals = []string{"host.example"}
	r := read(t, "@cert-authority * {ca1}").check(host, forged)
	if r.Status != Unknown || r.CertProblem != "bad signature" {
		t.Errorf("forged certificate: %+v", r)
	}
}

func TestCertificateAlgorithm(t *testing.T) {
	h := host
	h.CASignatureAlgorithms = []string{ssh.KeyAlgoRSASHA512}
	r := read(t, "@cert-authority * {ca1}").check(h, cert(t, "ed1", "ca1"))
	if r.Status != Unknown || r.CertProblem != "signed with disallowed algorithm" {
		t.Errorf("got %+v", r)
	}
}

func TestSeveralFiles(t *testing.T) {
	user, global := write(t, "host.example {ed2}"), write(t, "\nhost.example {ed1}")
	r := Read([]string{user, "/nonexistent"}, []string{global}).check(host, public("ed1"))
	if want := (Result{Status: Match, Found: Found{File: global, Line: 2, Global: true}}); r != want {
		t.Errorf("got %+v, want %+v", r, want)
	}
	r = Read([]string{user}, nil).check(host, public("ec1"))
	if want := (Result{Status: Changed, Found: Found{File: user, Line: 1}}); r != want {
		t.Errorf("got %+v, want %+v", r, want)
	}
}

func TestGlobal(t *testing.T) {
	file := write(t, "host.example {ed1}")
	for _, test := range []struct {
		user, global []string
		want         bool
	}{
		{[]string{file}, nil, false},
		{nil, []string{file}, true},
		{[]string{file}, []string{file}, true},
	} {
		if r := Read(test.user, test.global).check(host, public("ed1")); r.Global != test.want {
			t.Errorf("%q %q: %+v", test.user, test.global, r)
		}
	}
}

func TestAlgorithms(t *testing.T) {
	all := []string{
		ssh.CertAlgoED25519v01, ssh.CertAlgoRSASHA512v01, ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384,
		ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
	}
	for _, test := range []struct {
		file  string
		first []string // the rest follows in order
	}{
		{"", nil},
		{"host.example {ed1}", nil},
		{"host.example {ed1}\nhost.example {rsa1}", nil},
		{"host.example {rsa1}", []string{ssh.CertAlgoRSASHA512v01, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}},
		{"host.example {ec384}", []string{ssh.KeyAlgoECDSA384}},
		{"@cert-authority * {ec1}", []string{ssh.CertAlgoED25519v01, ssh.CertAlgoRSASHA512v01}},
		{"@cert-authority * {ca1}\nhost.example {ec1}", []string{ssh.CertAlgoED25519v01, ssh.CertAlgoRSASHA512v01, ssh.KeyAlgoECDSA256}},
		{"host.example {rsa1}\n@revoked * {rsa1}", nil},
		{"other {rsa1}", nil},
	} {
		want := slices.Clone(test.first)
		for _, name := range all {
			if !slices.Contains(want, name) {
				want = append(want, name)
			}
		}
		if got := read(t, test.file).Algorithms(all, host); !slices.Equal(got, want) {
			t.Errorf("%q:\n got %q\nwant %q", test.file, got, want)
		}
	}
	if got := (&DB{}).Algorithms(nil, host); len(got) != 0 {
		t.Errorf("from nothing came %q", got)
	}
}

func TestOtherNames(t *testing.T) {
	file := write(t, "a,b {ed1} comment\nhost.example {ed1}\n"+hashName("c", make([]byte, 20))+" {ed1}\n@revoked d {ed1}\ne {ed2}\n"+
		strings.Repeat("f {ed1}\n", 10))
	names, total := Read([]string{file}, nil).OtherNames(host, public("ed1"))
	if total != 12 || len(names) != 8 {
		t.Fatalf("%d names of %d", len(names), total)
	}
	if want := (OtherName{file, 1, "a,b"}); names[0] != want {
		t.Errorf("got %+v, want %+v", names[0], want)
	}
	if want := (OtherName{file, 3, "[hashed name]"}); names[1] != want {
		t.Errorf("got %+v, want %+v", names[1], want)
	}
	long := read(t, strings.Repeat("x", 5000)+" {ed1}")
	if names, _ := long.OtherNames(host, public("ed1")); len(names) != 1 || len(names[0].Hosts) != maxShownHosts+3 {
		t.Errorf("of a long line is shown %+v", names)
	}
	names, total = Read([]string{file}, nil).OtherNames(host, cert(t, "ed2", "ca1"))
	if total != 1 || names[0].Hosts != "e" {
		t.Errorf("for a certificate: %+v", names)
	}
}
