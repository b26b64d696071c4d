package knownhosts

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// TestFindAsSSHKeygen compares the lines found for a name with those that
// ssh-keygen -F finds, over files made of pieces that go wrong easily.
func TestFindAsSSHKeygen(t *testing.T) {
	const files = 120
	r := labtest.Rand(t)
	for range files {
		content := randomFile(r)
		file := write(t, content)
		for _, name := range []string{"host.example", "[host.example]:2222"} {
			want := keygenLines(t, file, name)
			var got []int
			for _, e := range Read([]string{file}, nil).find(name, nil) {
				got = append(got, e.number)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s in\n%s\ngot lines %v, ssh-keygen %v", name, content, got, want)
			}
		}
	}
}

func pick(r *rand.Rand, from ...string) string { return from[r.IntN(len(from))] }

func randomFile(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(12) {
		b.WriteString(randomLine(r))
	}
	return strings.TrimSuffix(b.String(), pick(r, "\n", ""))
}

func randomLine(r *rand.Rand) string {
	blank := func() string { return pick(r, " ", " ", " ", "\t", "  ", " \t") }
	line := pick(r, "", "", "", " ", "\t", "#", "@revoked"+blank(), "@cert-authority"+blank(), "@revoked @revoked ", "@other ", "@")
	line += randomHosts(r) + pick(r, blank(), blank(), blank(), "")
	line += pick(r, "{ed1}", "{ed2}", "{rsa1}", "{ec1}", "{ec384}", "ssh-ed25519", "ssh-rsa AAAA", "1024 35 1435", "#", "", "ssh-ed25519 A=== x",
		"rsa-sha2-256 "+strings.Fields(keyText("rsa1"))[1], "ssh-rsa "+strings.Fields(keyText("ed1"))[1], "ed25519 "+strings.Fields(keyText("ed1"))[1])
	return line + pick(r, "", "", " comment", "\t# x", " ", "\r") + "\n"
}

func randomHosts(r *rand.Rand) string {
	if r.IntN(4) == 0 {
		name := pick(r, "host.example", "[host.example]:2222", "other")
		return pick(r, hashName(name, bytes.Repeat([]byte{byte(r.IntN(256))}, 20)), "|1|AAAA|AAAA", "|1|", "|", "|2|x|y")
	}
	var hosts []string
	for range 1 + r.IntN(3) {
		hosts = append(hosts, pick(r, "", "", "!")+pick(r, "host.example", "HOST.EXAMPLE", "[host.example]:2222", "[Host.Example]:*", "*", "*.example",
			"h?st.example", "other", "", "*:2222", "host.example.", "10.0.0.1", "[*]:2222", "**.ex*mple", "!host.example"))
	}
	return strings.Join(hosts, ",")
}

var foundLine = regexp.MustCompile(`(?m)^# Host .* found: line (\d+)`)

// keygenLines returns the lines whose host matches and whose key can be read:
// -l makes ssh-keygen read it.
func keygenLines(t *testing.T, file, name string) []int {
	t.Helper()
	out, err := exec.Command("ssh-keygen", "-l", "-F", name, "-f", file).Output()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		t.Fatal(fmt.Errorf("ssh-keygen: %w: %s", err, out))
	}
	var lines []int
	for _, found := range foundLine.FindAllStringSubmatch(string(out), -1) {
		n, _ := strconv.Atoi(found[1])
		lines = append(lines, n)
	}
	return lines
}

func FuzzParse(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		content := randomFile(r)
		for name := range testKeys() {
			content = strings.ReplaceAll(content, "{"+name+"}", keyText(name))
		}
		f.Add(content, "host.example")
	}
	f.Fuzz(func(t *testing.T, content, name string) {
		db := &DB{lines: parse("file", false, content)}
		h := Host{Hostname: name, Port: 2222}
		known := db.check(h, public("ed1"))
		if known.Status == Match && !strings.Contains(content, strings.Fields(keyText("ed1"))[1]) {
			t.Errorf("matched a key that is not in the file: %+v", known)
		}
		if (known.Status == Unknown) != (known.Line == 0) {
			t.Errorf("%+v", known)
		}
		db.OtherNames(h, public("ed1"))
		if got := db.Algorithms([]string{"a", "ssh-rsa", "b"}, h); len(got) != 3 {
			t.Errorf("algorithms %q", got)
		}
	})
}
