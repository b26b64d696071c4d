package doctor

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// spokenBy is a shell that says these bytes, TOKEN in which is the one that it
// is told.
type spokenBy struct {
	output string
	out    io.Reader
}

var told = regexp.MustCompile(`(?m)^token=(\w+)$`)

func (s *spokenBy) Write(p []byte) (int, error) {
	if token := told.FindSubmatch(p); token != nil {
		s.out = strings.NewReader(strings.ReplaceAll(s.output, "TOKEN", string(token[1])))
	}
	return len(p), nil
}

func (s *spokenBy) Read(p []byte) (int, error) { return s.out.Read(p) }
func (*spokenBy) Close() error                 { return nil }
func (*spokenBy) CloseWrite() error            { return nil }

// hear reads a part's lines as they would come from a remote.
func hear(t *testing.T, output string, take func(word, rest string) bool) (noise string, err error) {
	t.Helper()
	p, err := startProbe(t.Context(), &spokenBy{output: output}, "facts")
	if err != nil {
		return "", err
	}
	defer p.end()
	for {
		word, rest, err := p.next()
		if ended := (*remotesh.Error)(nil); errors.As(err, &ended) && ended.Kind == remotesh.Ended {
			return p.out.Noise(), nil
		}
		if err == nil && !take(word, rest) {
			err = remotesh.Garbled(word)
		}
		if err != nil {
			return p.out.Noise(), err
		}
	}
}

const began = "\nmosha-probe TOKEN\n"

func TestFactsAreRead(t *testing.T) {
	var f facts
	noise, err := hear(t, "Welcome!\x1b[2J\n"+began+`conn 192.0.2.1 1 192.0.2.2 22
home fixed
link dead /tmp/gone
sshd /etc/ssh/sshd_config:12:Match User a
sshd /etc/ssh/sshd_config:13: PermitUserRC=no
sshd nonsense
unreadable /etc/ssh/x
key ssh-ed25519 AAAA
login bash /bin/bash
other fish

sh bash 1234 /tmp/a b
ended fish
`, f.take)
	if err != nil || noise != "Welcome!?[2J" {
		t.Fatalf("noise %q, %v", noise, err)
	}
	if !f.fixed || f.link != (linkState{"dead", "/tmp/gone"}) || f.unreadable != "/etc/ssh/x" || len(f.keys) != 1 {
		t.Errorf("%+v", f)
	}
	if b := f.blameUserRC(""); b.where != `/etc/ssh/sshd_config:13, below "Match User a"` || b.line != "PermitUserRC=no" {
		t.Errorf("to blame is %+v", b)
	}
	if words := f.said["bash"]; words != (shellWords{said: true, agentPID: 1234, sock: "/tmp/a b"}) || !f.complete() {
		t.Errorf("bash said %+v of %+v", words, f)
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for name, output := range map[string]string{
		"nothing":          "",
		"no probe":         "This account is not available.\n",
		"another's marker": "mosha-probe 1\n",
		"endless noise":    strings.Repeat(long+"\n", 20),
		"a long line":      began + long + "\n",
		"too many lines":   began + strings.Repeat("home x\n", maxLines+1),
		"no link":          began + "link\n",
		"shell's name":     began + "login a/b /a/b\n",
		"other shell":      began + "other \x1b[2J\n",
		"a line and a bit": began + "home x\nhome",
	} {
		var f facts
		if _, err := hear(t, output, f.take); err == nil && name != "a line and a bit" {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzProbe(f *testing.F) {
	for _, seed := range []string{
		began + "conn 1 2 3 4\nlink live x\nsshd a:1:match all\nkey k\nlogin bash x\nsh bash 2 /x\nended bash\nend\n",
		began + "charmap UTF-8\nsaid MOSH CONNECT 60001 AAAAAAAAAAAAAAAAAAAAAA\ncode 0\n",
		began + "agent /tmp/x\nnamed yes\nkey ssh-ed25519 AAAA\nkeys 0 link\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, output []byte) {
		var some facts
		var start serverStart
		var agent agentSeen
		for _, take := range []func(string, string) bool{some.take, start.take, agent.take} {
			noise, _ := hear(t, string(output), take)
			if len(noise) > 200 || bytes.ContainsFunc([]byte(noise), func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("noise %q", noise)
			}
		}
		some.blameForwarding("")
		some.blameUserRC("SHA256:x")
		seen := startSeen{start: start}
		if seen.read(); seen.started && (seen.session.Port < 1 || seen.session.Port > 65535) {
			t.Errorf("port %d", seen.session.Port)
		}
		for _, c := range []Check{seen.server(), seen.locale("LANG=x"), link(remotesh.PlaceHome, some.link, agent)} {
			for name, fact := range c.Facts {
				if strings.ContainsFunc(fact, func(r rune) bool { return r < ' ' || r > '~' }) {
					t.Errorf("%s: %s is %q", c.Name, name, fact)
				}
			}
		}
		signable(agent.keys)
	})
}
