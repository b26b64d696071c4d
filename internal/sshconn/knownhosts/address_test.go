package knownhosts

import (
	"errors"
	"testing"
)

func TestCheckAddress(t *testing.T) {
	for _, test := range []struct {
		name    string
		file    string
		status  Status
		address Status
		line    int // of the address
		differs bool
	}{
		{"both", "host.example,192.0.2.1 {ed1}", Match, Match, 1, false},
		{"name only", "host.example {ed1}", Match, Unknown, 0, false},
		{"address only", "192.0.2.1 {ed1}", Unknown, Match, 1, false},
		{"another one", "host.example {ed1}\n192.0.2.1 {ed2}", Match, Changed, 2, false},
		{"unknown, another one", "192.0.2.1 {ed2}", Unknown, Changed, 1, false},
		{"both changed", "host.example,192.0.2.1 {ed2}", Changed, Changed, 1, false},
		{"changed, address unknown", "host.example {ed2}", Changed, Unknown, 0, true},
		{"changed, address unchanged", "host.example {ed2}\n192.0.2.1 {ed1}", Changed, Match, 2, true},
		{"changed, address differs", "host.example {ed2}\n192.0.2.1 {rsa1}", Changed, Changed, 2, true},
	} {
		r := read(t, test.file).check(withAddress, public("ed1"))
		if r.Status != test.status || r.Address == nil || r.Address.Status != test.address || r.Address.Line != test.line || r.Address.Differs != test.differs {
			t.Errorf("%s: %+v, address %+v", test.name, r, r.Address)
		}
	}
	if r := read(t, "host.example {ed1}").check(withAddress, cert(t, "ed1", "ca1")); r.Address != nil {
		t.Errorf("a certificate's address was looked up: %+v", r.Address)
	}
	h := Host{Hostname: "host.example", Port: 2222, Address: "192.0.2.1"}
	if r := read(t, "host.example {ed1}\n[192.0.2.1]:2222 {ed2}").check(h, public("ed1")); !r.Portless || r.Address == nil || r.Address.Status != Changed {
		t.Errorf("match without the port: %+v, %+v", r, r.Address)
	}
}

func TestCommand(t *testing.T) {
	db := read(t, "host.example {rsa1}")
	var asked []string
	query := func(h Host, output string, err error) (Result, error) {
		asked = nil
		return db.Check(Query{Host: h, Key: public("ed1"), Now: now, Command: func(purpose, name string) (string, error) {
			asked = append(asked, purpose+" "+name)
			return output, err
		}})
	}
	output := expand("other {ed2}\nhost.example,192.0.2.1 {ed1}\njunk\n")
	r, err := query(withAddress, output, nil)
	want := Found{File: "KnownHostsCommand-HOSTNAME", Line: 2, KeyType: "ssh-ed25519", Origin: FromCommand}
	if err != nil || r.Status != Match || r.Found != want || r.Address.Status != Match {
		t.Errorf("got %+v, %v", r, err)
	}
	if len(asked) != 2 || asked[0] != "HOSTNAME host.example" || asked[1] != "ADDRESS 192.0.2.1" {
		t.Errorf("asked %q", asked)
	}
	if r, _ := query(host, "", nil); r.Status != Changed || r.Origin != FromUser {
		t.Errorf("without output: %+v", r)
	}
	if r, _ := query(hostOn(2222), output, nil); r.Status != Unknown {
		t.Errorf("output was looked up without the port: %+v", r)
	}
	failed := errors.New("failed")
	if _, err := query(host, "", failed); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	algorithms := []string{"ssh-ed25519", "rsa-sha2-256"}
	if got := (&DB{}).Algorithms(algorithms, hostOn(2222), expand("host.example {rsa1}")); got[0] != "ssh-ed25519" {
		t.Errorf("got %q", got)
	}
	if got := (&DB{}).Algorithms(algorithms, hostOn(2222), expand("[host.example]:2222 {rsa1}")); got[0] != "rsa-sha2-256" {
		t.Errorf("got %q", got)
	}
}

func TestOrigin(t *testing.T) {
	file := write(t, "host.example {ed1}")
	for _, test := range []struct {
		user, global []string
		want         Origin
	}{
		{[]string{file}, nil, FromUser},
		{nil, []string{file}, FromGlobal},
		{[]string{file}, []string{file}, FromGlobal},
	} {
		if r := Read(test.user, test.global).check(host, public("ed1")); r.Origin != test.want {
			t.Errorf("%q %q: %+v", test.user, test.global, r)
		}
	}
}

func TestAppendAddress(t *testing.T) {
	for _, test := range []struct {
		which Names
		lines int // hashed
		want  string
	}{
		{NameOnly, 1, "host.example {ed1}\n"},
		{AddressOnly, 1, "192.0.2.1 {ed1}\n"},
		{NameAndAddress, 2, "host.example,192.0.2.1 {ed1}\n"},
	} {
		for _, hash := range []bool{false, true} {
			file := write(t, "")
			if err := Append(file, withAddress, test.which, public("ed1"), hash); err != nil {
				t.Fatal(err)
			}
			text := contents(file)
			if !hash && text != expand(test.want) {
				t.Errorf("%v: %q", test.which, text)
			}
			r := Read([]string{file}, nil).check(withAddress, public("ed1"))
			if (r.Status == Match) != (test.which != AddressOnly) || (r.Address.Status == Match) != (test.which != NameOnly) {
				t.Errorf("%v, hash %v: %+v %+v", test.which, hash, r, r.Address)
			}
		}
	}
}

func TestListHas(t *testing.T) {
	for _, test := range []struct {
		text string
		line int
		bad  int
	}{
		{"", 0, 0},
		{"# x\n\n \t# y\n{ed2}\n{ed1} comment", 5, 0},
		{"{ed2}\n{rsa1}\n", 0, 0},
		{" \t{ed1}", 1, 0},
		{"{ed2}\njunk\n{ed1}\n", 0, 2},
		{"{ed1}\njunk", 1, 0},
		{"host {ed1}", 0, 1},
		{"ssh-ed25519", 0, 1},
		{"ssh-new AAAAB3NzaC1uZXcx c\n{ed1}", 2, 0},
		{"ssh-new AAAAB3NzaC1vbGQx\n{ed1}", 0, 1}, // its blob is of another kind
		{"ssh-new AAAAB3Nza\n{ed1}", 0, 1},
		{"ssh-newer AAAACXNzaC1uZXdlcjE=\n{ed1}", 0, 1},
	} {
		line, err := ListHas(expand(test.text), public("ed1"), []string{"ssh-new"})
		bad := &ListError{}
		if errors.As(err, &bad) != (test.bad > 0) || bad.Line != test.bad || line != test.line {
			t.Errorf("%q: line %d, %v", test.text, line, err)
		}
	}
	for text, want := range map[string]int{"{ed1}": 1, "{ca1}": 1, "{ca2}": 0} {
		if line, err := ListHas(expand(text), cert(t, "ed1", "ca1"), nil); err != nil || line != want {
			t.Errorf("certificate in %s: line %d, %v", text, line, err)
		}
	}
}

func FuzzListHas(f *testing.F) {
	f.Add(expand("# x\n{ed2}\n{rsa1} c\n"))
	f.Add("\x00\n \t")
	f.Fuzz(func(t *testing.T, text string) {
		if line, err := ListHas(text, cert(t, "ed1", "ca1"), nil); line > 0 && err != nil {
			t.Errorf("line %d and %v", line, err)
		}
	})
}
