package knownhosts

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconn/pubkey"
)

// expand replaces {name} by keys, as write does.
func expand(content string) string {
	for name := range testKeys() {
		content = strings.ReplaceAll(content, "{"+name+"}", keyText(name))
	}
	return content
}

func keysNamed(names string) (keys []ssh.PublicKey) {
	for _, name := range strings.Fields(names) {
		keys = append(keys, public(name))
	}
	return keys
}

func namesOf(keys []ssh.PublicKey) string {
	var names []string
	for _, key := range keys {
		for name := range testKeys() {
			if pubkey.Same(key, public(name)) {
				names = append(names, name)
			}
		}
	}
	return strings.Join(names, " ")
}

// TestUpdate has the cases of clientloop.c by name; internal/sshconn compares
// with ssh itself.
func TestUpdate(t *testing.T) {
	for _, test := range []struct {
		name          string
		host          Host
		before        string
		offered       string
		learned, gone string
		skip          string
		after         string // "" if skipped
	}{
		{"all known", host, "host.example {ed1}\n", "ed1", "", "", nothingNew, ""},
		{"one more", host, "host.example {ed1}\n", "ed1 rsa1", "rsa1", "", "", "host.example {ed1}\nhost.example {rsa1}\n"},
		{"one less", host, "host.example {ed1}\nhost.example {rsa1}\n", "ed1", "", "rsa1", "", "host.example {ed1}\n"},
		{"another", host, "a {ed2}\nhost.example {rsa1} # x\nhost.example {ec1}\n#c\n", "ec1 ed1", "ed1", "rsa1", "", "a {ed2}\nhost.example {ec1}\n#c\nhost.example {ed1}\n"},
		{"last line without an end", host, "host.example {ed1}", "ed1 ec1", "ec1", "", "", "host.example {ed1}\nhost.example {ec1}\n"},
		{"lines that cannot be read stay", host, "host.example {ed1}\nhost.example ssh-x y\n|1|x {rsa1}\nhost.example {rsa1}\n", "ed1", "", "rsa1", "", "host.example {ed1}\nhost.example ssh-x y\n|1|x {rsa1}\n"},
		{"wildcard", host, "*.example {ed1}\n", "ed1 rsa1", "ed1 rsa1", "", tooComplex, ""},
		{"three names", host, "host.example,a,b {ed1}\n", "ed1 rsa1", "ed1 rsa1", "", tooComplex, ""},
		{"two names", host, "host.example,a {ed1}\n", "ed1 rsa1", "rsa1", "", "", "host.example,a {ed1}\nhost.example {rsa1}\n"},
		{"marker", host, "host.example {ed1}\n@revoked host.example {ec1}\n", "ed1 rsa1", "rsa1", "", tooComplex, ""},
		{"marker for another host", host, "host.example {ed1}\n@revoked x {ec1}\n", "ed1 rsa1", "rsa1", "", "", "host.example {ed1}\n@revoked x {ec1}\nhost.example {rsa1}\n"},
		{"key of another host", host, "host.example {ed1}\nx {ed1}\n", "ed1 rsa1", "rsa1", "", knownElsewhere, ""},
		{"new key of another host", host, "host.example {ed1}\nx {rsa1}\n", "ed1 rsa1", "rsa1", "", knownElsewhere, ""},
		{"old key of another host", host, "host.example {ed1}\nhost.example {rsa1}\nx {rsa1}\n", "ed1", "", "rsa1", knownElsewhere, ""},
		{"port", hostOn(2222), "[host.example]:2222 {ed1}\nhost.example {ec1}\n", "ed1 rsa1", "rsa1", "", "", "[host.example]:2222 {ed1}\nhost.example {ec1}\n[host.example]:2222 {rsa1}\n"},
	} {
		file := write(t, test.before)
		u := PlanUpdate([]string{file}, test.host, keysNamed(test.offered))
		if namesOf(u.New) != test.learned || namesOf(u.Old) != test.gone || u.Skip != test.skip {
			t.Errorf("%s: learns %s, loses %s, skip %q", test.name, namesOf(u.New), namesOf(u.Old), u.Skip)
		}
		if err := u.Apply([]string{file}, test.host, false); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		want := expand(test.after)
		if test.skip != "" {
			want = expand(test.before)
		}
		if got, _ := os.ReadFile(file); string(got) != want {
			t.Errorf("%s:\n got %q\nwant %q", test.name, got, want)
		}
		old, err := os.ReadFile(file + ".old")
		if changed := test.skip == ""; changed != (err == nil) || changed && string(old) != expand(test.before) {
			t.Errorf("%s: the old file has %q, %v", test.name, old, err)
		}
	}
}

func TestUpdateSeveralFiles(t *testing.T) {
	first, second := write(t, "a {ed2}\n"), write(t, "host.example {ed1}\nhost.example {rsa1}\nx {ec1}\n")
	files := []string{first, second, "/nonexistent"}
	if err := PlanUpdate(files, host, keysNamed("ed1 ec384")).Apply(files, host, true); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(second); string(got) != expand("x {ec1}\n") {
		t.Errorf("the second file has %q", got)
	}
	db := Read(files[:1], nil)
	for _, key := range keysNamed("ed1 ec384") {
		if r := db.check(host, key); r.Status != Match {
			t.Errorf("%s is not in the first file: %+v", namesOf([]ssh.PublicKey{key}), r)
		}
	}
	if got, _ := os.ReadFile(first); strings.Contains(string(got), "host.example") {
		t.Errorf("a name is not hidden in %q", got)
	}
}

// TestUpdateKeepsKeysWithoutFirstFile: what a later file knows must not go where
// the first cannot take it.
func TestUpdateKeepsKeysWithoutFirstFile(t *testing.T) {
	content := "host.example {ed1}\n"
	second := write(t, content)
	files := []string{filepath.Join(t.TempDir(), "none"), second}
	if err := PlanUpdate(files, host, keysNamed("ed1 rsa1")).Apply(files, host, false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if got, _ := os.ReadFile(second); string(got) != expand(content) {
		t.Errorf("the second file has %q", got)
	}
}

func TestUpdateWithout(t *testing.T) {
	file := write(t, "host.example {ed1}\n")
	u := PlanUpdate([]string{file}, host, keysNamed("ed1 rsa1 ec1")).Without(keysNamed("rsa1"))
	if err := u.Apply([]string{file}, host, false); err != nil || namesOf(u.New) != "ec1" {
		t.Errorf("learns %s, %v", namesOf(u.New), err)
	}
	if got, _ := os.ReadFile(file); string(got) != expand("host.example {ed1}\nhost.example {ec1}\n") {
		t.Errorf("file has %q", got)
	}
}

// TestUpdateKeepsFile: links stay links, and nobody may read what he could not.
func TestUpdateKeepsFile(t *testing.T) {
	for _, mode := range []fs.FileMode{0o600, 0o644, 0o640} {
		file := write(t, "host.example {ed1}\n")
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(file, link); err != nil {
			t.Fatal(err)
		}
		if err := PlanUpdate([]string{link}, host, keysNamed("ed1 rsa1")).Apply([]string{link}, host, false); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("the link became %v, %v", info.Mode(), err)
		}
		for _, name := range []string{file, file + ".old"} {
			if info, err := os.Stat(name); err != nil || info.Mode() != mode {
				t.Errorf("%s has mode %v, want %v", name, info.Mode(), mode)
			}
		}
		if left, _ := filepath.Glob(file + ".*"); len(left) != 1 {
			t.Errorf("left behind: %q", left)
		}
	}
}

func TestUpdateOnlyFiles(t *testing.T) {
	for _, file := range []string{"/dev/null", t.TempDir()} {
		u := Update{offered: keysNamed("ed1"), New: keysNamed("ed1")}
		if err := u.Apply([]string{file}, host, false); err == nil {
			t.Errorf("%s was replaced", file)
		}
	}
	if info, err := os.Stat("/dev/null"); err != nil || info.Mode()&fs.ModeCharDevice == 0 {
		t.Fatalf("/dev/null is %v, %v", info, err)
	}
}

// TestUpdateAndAppendTogether has both happen at once, again and again: nothing
// that was added may be lost.
func TestUpdateAndAppendTogether(t *testing.T) {
	file := write(t, "host.example {ed1}\n")
	const each = 20
	var group sync.WaitGroup
	for range each {
		group.Go(func() {
			if err := Append(file, Host{Hostname: "other", Port: 22}, public("ec1"), false); err != nil {
				t.Error(err)
			}
		})
		group.Go(func() {
			u := Update{offered: keysNamed([]string{"ed1", "ed2", "rsa1"}[rand.IntN(3)])}
			if err := u.Apply([]string{file}, host, false); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := len(Read([]string{file}, nil).find("other", nil)); n != each {
		t.Errorf("%d of %d added lines are there", n, each)
	}
	if n := len(Read([]string{file}, nil).find("host.example", nil)); n != 1 {
		t.Errorf("%d lines for the host", n)
	}
}

// TestRemoveAsSSHKeygen compares what goes with ssh-keygen -R.
func TestRemoveAsSSHKeygen(t *testing.T) {
	r := labtest.Rand(t)
	for range 60 {
		content := expand(strings.ReplaceAll(randomKeys(r), "\r", ""))
		ours, theirs := write(t, content), write(t, content)
		for _, h := range []Host{hostOn(22), hostOn(2222)} {
			if err := (replacement{host: h}).file(ours); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command("ssh-keygen", "-R", h.Name(), "-f", theirs).CombinedOutput()
			if err != nil && !strings.Contains(string(out), "not found in") {
				t.Fatalf("%v: %s", err, out)
			}
			got, _ := os.ReadFile(ours)
			want, _ := os.ReadFile(theirs)
			if strings.TrimSuffix(string(got), "\n") != strings.TrimSuffix(string(want), "\n") {
				t.Fatalf("%s removed from\n%q\nleaves\n%q\nssh-keygen leaves\n%q", h.Name(), content, got, want)
			}
		}
	}
}

// TestHashedAsSSHKeygen: ssh-keygen -H changes nothing about what is known.
func TestHashedAsSSHKeygen(t *testing.T) {
	r := labtest.Rand(t)
	for range 40 {
		content := expand(randomKeys(r))
		plain, hashed := write(t, content), write(t, content)
		if out, err := exec.Command("ssh-keygen", "-H", "-f", hashed).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		for _, h := range []Host{hostOn(22), hostOn(2222), {Hostname: "10.0.0.1", Port: 22}} {
			for _, key := range keysNamed("ed1 ed2 rsa1") {
				before, after := Read([]string{plain}, nil).check(h, key), Read([]string{hashed}, nil).check(h, key)
				if before.Status != after.Status {
					t.Fatalf("%s %s\n%s\nis %+v, hashed %+v", h.Name(), namesOf([]ssh.PublicKey{key}), content, before, after)
				}
			}
		}
	}
}

// randomKeys is a file whose lines all have keys that can be read.
func randomKeys(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(8) {
		b.WriteString(pick(r, "", "", "", "# x\n", "\n"))
		b.WriteString(pick(r, "", "", "", "", "@revoked ", "@cert-authority "))
		b.WriteString(pick(r, "host.example", "host.example", "[host.example]:2222", "host.example,10.0.0.1", "other", "[host.example]:2222,host.example",
			hashName("host.example", make([]byte, 20)), "10.0.0.1"))
		b.WriteString(" " + pick(r, "{ed1}", "{ed2}", "{rsa1}") + pick(r, "", " comment") + "\n")
	}
	return strings.TrimSuffix(b.String(), pick(r, "\n", ""))
}

// FuzzEdit: an edit loses no line that is not the host's, and what it adds is
// known afterwards.
func FuzzEdit(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 10 {
		f.Add(expand(randomFile(r)))
	}
	f.Fuzz(func(t *testing.T, content string) {
		edit := replacement{host: host, keep: keysNamed("ed1"), add: true}
		after, ok := edit.edit(content)
		if !ok {
			after = content
		}
		db := &DB{lines: parse("x", false, after)}
		if found := db.find(host.Name(), nil); !slices.ContainsFunc(found, func(e entry) bool { return e.marker == plain && pubkey.Same(e.key, public("ed1")) }) {
			t.Errorf("the key is not in %q", after)
		}
		for raw := range strings.Lines(content) {
			if edit.plainLine(raw) == nil && !strings.Contains("\n"+after, "\n"+strings.TrimSuffix(raw, "\n")+"\n") && ok {
				t.Errorf("%q is gone", raw)
			}
		}
		if again, changes := edit.edit(after); changes {
			t.Errorf("a second edit makes %q of %q", again, after)
		}
	})
}

// TestUnchanged: ssh takes no lock, so what it writes has to be seen.
func TestUnchanged(t *testing.T) {
	for name, change := range map[string]func(file string) error{
		"nothing": func(string) error { return nil },
		"appended": func(file string) error {
			f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("x\n")
			return errors.Join(err, f.Close())
		},
		"replaced": func(file string) error {
			return errors.Join(os.WriteFile(file+".new", []byte(expand("a {ed1}\n")), 0o600), os.Rename(file+".new", file))
		},
		"removed": os.Remove,
	} {
		file := write(t, "a {ed1}\n")
		f, err := openLocked(file, os.O_RDWR)
		if err != nil {
			t.Fatal(err)
		}
		before, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		if err := change(file); err != nil {
			t.Fatal(err)
		}
		if got := unchanged(f, file, before); got != (name == "nothing") {
			t.Errorf("%s: unchanged is %v", name, got)
		}
		f.Close()
	}
}

// TestFileThatKeepsChanging: an update gives up, and takes its traces with it.
func TestFileThatKeepsChanging(t *testing.T) {
	file := write(t, "host.example {ed1}\n")
	stop, done := make(chan struct{}), make(chan struct{})
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				_, _ = f.WriteString("#\n")
			}
		}
	}()
	err = PlanUpdate([]string{file}, host, keysNamed("ed1 rsa1")).Apply([]string{file}, host, false)
	close(stop)
	<-done
	f.Close()
	if err != nil && !errors.Is(err, errChanging) {
		t.Errorf("got %v", err)
	}
	left, _ := filepath.Glob(file + ".*")
	for _, name := range left {
		if name != file+".old" {
			t.Errorf("left behind: %s", name)
		}
	}
}
