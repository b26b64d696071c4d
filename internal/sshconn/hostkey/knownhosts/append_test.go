package knownhosts

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestAppend(t *testing.T) {
	for _, test := range []struct {
		before, after string
		host          Host
	}{
		{"", "host.example {ed1}\n", host},
		{"a {ed2}\n", "a {ed2}\nhost.example {ed1}\n", host},
		{"a {ed2}", "a {ed2}\nhost.example {ed1}\n", host},
		{"", "[host.example]:2222 {ed1}\n", Host{Hostname: "HOST.example", Port: 2222}},
		{"", "alias {ed1}\n", Host{Hostname: "x", Alias: "Alias", Port: 2222}},
		{"", "[git.example]:443 {ed1}\n", Host{Hostname: "x", Alias: "[git.example]:443", Port: 2222}},
		{"", "[fe80::1%eth0]:2222 {ed1}\n", Host{Hostname: "fe80::1%eth0", Port: 2222}},
	} {
		file := write(t, test.before)
		if err := Append(file, test.host, public("ed1"), false); err != nil {
			t.Fatal(err)
		}
		got, _ := os.ReadFile(file)
		if want, _ := os.ReadFile(write(t, test.after)); string(got) != string(want) {
			t.Errorf("after %q:\n got %q\nwant %q", test.before, got, want)
		}
		if r := Read([]string{file}, nil).check(test.host, public("ed1")); r.Status != Match {
			t.Errorf("%+v is not known after Append: %+v", test.host, r)
		}
	}
}

func TestAppendCertificate(t *testing.T) {
	file := write(t, "")
	if err := Append(file, host, cert(t, "ed1", "ca1"), false); err != nil {
		t.Fatal(err)
	}
	if r := Read([]string{file}, nil).check(host, public("ed1")); r.Status != Match {
		t.Errorf("the certified key is not known: %+v", r)
	}
}

func TestAppendMakesFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), ".ssh")
	file := filepath.Join(dir, "known_hosts")
	if err := Append(file, host, public("ed1"), false); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{dir: fs.ModeDir | 0o700, file: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v, want mode %v", path, info, err, want)
		}
	}
	if err := Append(filepath.Join(file, "x"), host, public("ed1"), false); err == nil {
		t.Error("a file below a file was written")
	}
}

// TestAppendThroughLink writes where a link leads, also if nothing is there yet.
func TestAppendThroughLink(t *testing.T) {
	for _, before := range []string{"a {ed2}\n", ""} {
		dir := t.TempDir()
		target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
		if before != "" {
			target = write(t, before)
		}
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		if err := Append(link, host, public("ed1"), false); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("the link became %v, %v", info, err)
		}
		if got, _ := os.ReadFile(target); string(got) != expand(before+"host.example {ed1}\n") {
			t.Errorf("after %q: %q", before, got)
		}
	}
}

// TestAppendToDevNull is what many write into ssh_config.
func TestAppendToDevNull(t *testing.T) {
	if err := Append("/dev/null", host, public("ed1"), false); err != nil {
		t.Error(err)
	}
}

func TestAppendKeepsMode(t *testing.T) {
	file := write(t, "")
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Append(file, host, public("ed1"), false); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(file); info.Mode() != 0o644 {
		t.Errorf("mode became %v", info.Mode())
	}
}

func TestAppendBadName(t *testing.T) {
	file := write(t, "")
	for _, name := range []string{"", "a b", "a,b", "a\nb", "*", "h?", "@revoked", "#x", "|1|", "[x]", "a\tb"} {
		err := Append(file, Host{Hostname: name, Port: 22}, public("ed1"), false)
		if bad := (*nameError)(nil); !errors.As(err, &bad) {
			t.Errorf("name %q: %v", name, err)
		}
	}
	for _, alias := range []string{"a b", "a,b", "*", "a\nb", "|1|a", "#"} {
		err := Append(file, Host{Hostname: "h", Alias: alias}, public("ed1"), false)
		if bad := (*nameError)(nil); !errors.As(err, &bad) {
			t.Errorf("alias %q: %v", alias, err)
		}
	}
	if b, _ := os.ReadFile(file); len(b) != 0 {
		t.Errorf("file has %q", b)
	}
}

// TestAppendHashed has ssh-keygen find the hashed entry.
func TestAppendHashed(t *testing.T) {
	file := write(t, "")
	for _, h := range []Host{host, hostOn(2222)} {
		if err := Append(file, h, public("ed1"), true); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("ssh-keygen", "-F", h.Name(), "-f", file).CombinedOutput(); err != nil {
			t.Errorf("ssh-keygen does not find %s: %v %s", h.Name(), err, out)
		}
	}
	if b, _ := os.ReadFile(file); strings.Contains(string(b), "host.example") {
		t.Errorf("a name is not hidden in %q", b)
	}
}

func TestAppendTogether(t *testing.T) {
	file := write(t, "x {ed2}")
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if err := Append(file, host, public("ed1"), false); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := len(Read([]string{file}, nil).find("host.example", nil)); n != 20 {
		t.Errorf("%d of 20 entries can be read", n)
	}
}
