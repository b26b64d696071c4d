package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mosha-ssh/mosha/internal/lab/homes"
	"github.com/mosha-ssh/mosha/internal/remotesh"
	"github.com/mosha-ssh/mosha/internal/text"
)

// kindOf returns the kind of a *remotesh.Error, "" for no error.
func kindOf(t *testing.T, err error) remotesh.Kind {
	t.Helper()
	if err == nil {
		return ""
	}
	var remote *remotesh.Error
	if !errors.As(err, &remote) {
		t.Fatalf("%v is not a remotesh.Error", err)
	}
	if len(remote.Detail) > text.MaxASCII || strings.ContainsFunc(remote.Detail, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Fatalf("the detail is not fit to be shown: %q", remote.Detail)
	}
	return remote.Kind
}

// listing is a listing of a home in which every file is missing but .bashrc.
const listing = "shell /bin/bash\nfile .ssh/rc missing 0 0\nfile .bashrc data 3 1\nx\x00y\n" +
	"file .bash_profile dangling 0 2\nfile .bash_login huge 9999999 0\nfile .profile other 0 0\nend\n"

func TestReadHome(t *testing.T) {
	h, err := readHome(remotesh.NewReader(strings.NewReader(listing)))
	homes.Check(t, err)
	compare(t, "home", home{shell: "/bin/bash", files: map[string]remoteFile{
		".ssh/rc": {kind: missing}, ".bashrc": {kind: data, linked: true, content: []byte("x\x00y")},
		".bash_profile": {kind: dangling, linked: true}, ".bash_login": {kind: huge}, ".profile": {kind: other},
	}}, h)
	for _, c := range []struct {
		old, new string
		want     remotesh.Kind
	}{
		{"shell /bin/bash\n", "nohome\n", remotesh.NoHome},
		{"shell /bin/bash\n", "lacks tail\n", remotesh.NoTools},
		{"shell ", "shells ", remotesh.Malformed},
		{"/bin/bash", strings.Repeat("x", 4<<10), remotesh.Malformed},
		{"data 3", "data 4", remotesh.Malformed},
		{"data 3", "data 2", remotesh.Malformed},
		{"file .ssh/rc missing 0 0\n", "", remotesh.Malformed},
		{"missing 0", "missing 9", remotesh.Malformed},
		{"missing 0", "missing -1", remotesh.Malformed},
		{".bash_login", ".bash_history", remotesh.Malformed},
		{".bash_login", "../.bashrc", remotesh.Malformed},
		{"data 3", "data -3", remotesh.Malformed},
		{"data 3", "data 1048577", remotesh.Malformed},
		{"data 3", "data 1048576", remotesh.Ended},
		{"data 3", "data 99999999999999999999", remotesh.Malformed},
		{"data 3", "data", remotesh.Malformed},
		{"dangling", "swinging", remotesh.Malformed},
		{".bash_login", ".profile", remotesh.Malformed},
		{"end\n", "end", remotesh.Ended},
		{"end\n", "link dead /x\nend\n", ""},
		{"end\n", "link private \nend\n", ""},
		{"end\n", "link\nend\n", remotesh.Malformed},
		{"end\n", "link dead\nend\n", remotesh.Malformed},
		{"end\n", "link alive /x\nend\n", remotesh.Malformed},
		{"end\n", "link dead /x\nlink private /y\nend\n", remotesh.Malformed},
		{"end\n", "file .bashrc missing 0 0\n", remotesh.Malformed},
		{"data 3 1", "data 3 x", remotesh.Malformed},
		{"data 3 1", "data 3 256", remotesh.Malformed},
		{"data 3 1", "data 3 -1", remotesh.Malformed},
		{"data 3 1", "data 3", remotesh.Malformed},
	} {
		_, err := readHome(remotesh.NewReader(strings.NewReader(strings.Replace(listing, c.old, c.new, 1))))
		if got := kindOf(t, err); got != c.want {
			t.Errorf("%q for %.40q: %v, want %v", c.new, c.old, err, c.want)
		}
	}
}

func TestReadOutcome(t *testing.T) {
	for _, c := range []struct {
		line string
		want outcome
		kind remotesh.Kind
	}{
		{line: "ok .bashrc\n"},
		{line: "changed .bashrc\n", want: outcome{changed: true}},
		{line: "fail .bashrc open sh: 1: cannot create .bashrc: Permission denied\n",
			want: outcome{reason: Unwritable, detail: "sh: 1: cannot create .bashrc: Permission denied"}},
		{line: "fail .bashrc open x: Operation not permitted\n", want: outcome{reason: Unwritable, detail: "x: Operation not permitted"}},
		{line: "fail .bashrc open zsh: read-only file system: x\n", want: outcome{reason: ReadOnly, detail: "zsh: read-only file system: x"}},
		{line: "fail .bashrc write cp: No space left on device\n", want: outcome{reason: Full, detail: "cp: No space left on device"}},
		{line: "fail .bashrc write Disc quota exceeded\n", want: outcome{reason: Quota, detail: "Disc quota exceeded"}},
		{line: "fail .bashrc write a: Permission denied\n", want: outcome{reason: Denied, detail: "a: Permission denied"}},
		{line: "fail .bashrc verify \n", want: outcome{reason: WriteError}},
		{line: "fail .bashrc attributes\n", want: outcome{reason: Attributes}},
		{line: "fail .bashrc rename \x1b[2Jx\n", want: outcome{reason: WriteError, detail: "?[2Jx"}},
		{line: "fail .bashrc\n", kind: remotesh.Malformed},
		{line: "fail .bashrc somehow\n", kind: remotesh.Malformed},
		{line: "ok .profile\n", kind: remotesh.Malformed},
		{line: "ok .bashrc x\n", kind: remotesh.Malformed},
		{line: "ok", kind: remotesh.Ended},
		{line: "\n", kind: remotesh.Malformed},
	} {
		got, err := readOutcome(remotesh.NewReader(strings.NewReader(c.line)), bashrcName)
		if kindOf(t, err) != c.kind {
			t.Errorf("%q: %v", c.line, err)
		}
		if err == nil {
			compare(t, c.line, c.want, got)
		}
	}
}

func TestLeadsToBashrc(t *testing.T) {
	for line, want := range map[string]bool{
		". ~/.bashrc":                               true,
		"source ~/.bashrc":                          true,
		"\t. \"$HOME/.bashrc\"":                     true,
		". $HOME/.bashrc\r":                         true,
		". \"${HOME}\"/.bashrc":                     true,
		". '/home/u/.bashrc'":                       true,
		". .bashrc":                                 true,
		"[ -f ~/.bashrc ] && . ~/.bashrc":           true,
		"[[ -s ~/.bashrc ]] && source ~/.bashrc;":   true,
		"if [ -f ~/.bashrc ]; then . ~/.bashrc; fi": true,
		"test -r ~/.bashrc && { . ~/.bashrc; }":     true,
		"{. ~/.bashrc}":                             true,
		"# . ~/.bashrc":                             false,
		"  #. ~/.bashrc":                            false,
		". /etc/bash.bashrc":                        false,
		". /etc/bashrc":                             false,
		". ~/.bashrc.local":                         false,
		". ~/.bashrc_mine":                          false,
		"vi ~/.bashrc":                              false,
		"resource ~/.bashrc":                        false,
		"[ -f ~/.bashrc ]":                          false,
		"echo . # ~/.bashrc":                        false,
		"":                                          false,
	} {
		if got := leadsToBashrc([]byte("x=1\n" + line + "\n")); got != want {
			t.Errorf("%q: %v", line, got)
		}
	}
}

func TestCksum(t *testing.T) {
	for _, n := range []int{0, 1, 3, 255, 256, 65535, 65536, 100000} {
		content := make([]byte, n)
		for i := range content {
			content[i] = byte(i * 7)
		}
		c := exec.Command("cksum")
		c.Stdin = bytes.NewReader(content)
		out, err := c.Output()
		homes.Check(t, err)
		want, _, _ := strings.Cut(string(out), " ")
		if got := (header{checksum: cksum(content)}).String(); !strings.Contains(got, " "+want+" ") {
			t.Errorf("%d bytes: %s, want %s", n, got, want)
		}
	}
}

// checkPlan checks what holds for the plan of any content: all bytes outside
// of the block stay, taking the block out gives back the file, and there is
// nothing left to do.
func checkPlan(t *testing.T, old []byte) {
	t.Helper()
	s := planFile(bashrcName, remoteFile{kind: data, content: old}, envBody, envBody)
	switch s.action {
	case InPlace, Skipped:
		return
	case Changed:
	default:
		t.Fatalf("%q: %v", old, s.action)
	}
	now := s.edit.apply(old)
	f, ok := findBlock(now)
	if !ok || f.fault != "" {
		t.Fatalf("%q: no sound block in %q", old, now)
	}
	if !bytes.Equal(now[:f.start], old[:s.edit.start]) || !bytes.Equal(now[f.end:], old[s.edit.end:]) {
		t.Errorf("%q became %q", old, now)
	}
	if _, had := findBlock(old); !had {
		compare(t, "without the block", string(old), removeBlock(t, string(now)))
		back, ok := planRemoval(bashrcName, remoteFile{kind: data, content: now})
		if !ok || back.action != Restored || !bytes.Equal(back.edit.apply(now), old) {
			t.Errorf("%q: taken back it is %v %q", old, back.action, back.edit.apply(now))
		}
	}
	if n := len(s.diff()); n > 32<<10 {
		t.Errorf("%q: the diff has %d bytes", old, n)
	}
	again := planFile(bashrcName, remoteFile{kind: data, content: now}, envBody, envBody)
	if again.action != InPlace {
		t.Errorf("%q: the second plan is %v (%v)", now, again.action, again.reason)
	}
}

// pieces are what generated dotfiles are made of.
var pieces = []string{
	"\n", "\r\n", "x=1", "# comment\n", "#!/bin/bash\n", "#!", "\x00", "\xff\xfe", " ", "\\\n", "if true; then\n", "fi\n", "'", "\"",
	"<<EOF\n", "EOF\n", beginPrefix, beginSuffix, beginSuffix + "\n", endLine, endLine + "\n", envBlock, rcBlock,
	marked(0, false, oldBody), marked(9, true, "x\n"), " 1 ", "new",
}

func generated(r *rand.Rand) []byte {
	var content []byte
	for range r.IntN(12) {
		content = append(content, pieces[r.IntN(len(pieces))]...)
	}
	return content
}

func TestPlanOfGeneratedFiles(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		checkPlan(t, generated(r))
	}
}

// TestDiffOfHostileFiles: a remote's file may hold a block of any length that
// passes for an older version's.
func TestDiffOfHostileFiles(t *testing.T) {
	for _, body := range []string{
		strings.Repeat(strings.Repeat("x", 199)+"\n", 300), strings.Repeat("\n", 1<<19), strings.Repeat("x", 1<<19) + "\n",
	} {
		for _, created := range []bool{false, true} {
			checkPlan(t, []byte(marked(0, created, body)))
		}
	}
}

// TestDiffShowsOurBlocks: a preview shows all of a block that set-up writes, and
// that unsetup takes out.
func TestDiffShowsOurBlocks(t *testing.T) {
	for _, block := range []string{envBlock, rcBlock, rcDirBlock, fishNewBlock, cshNewBlock, profileBlock} {
		come := step{name: rcName, action: Created, edit: edit{block: []byte(block)}}
		gone := step{name: rcName, action: Removed, edit: edit{end: len(block)}, old: []byte(block)}
		for sign, s := range map[string]step{"+": come, "-": gone} {
			want := sign + strings.ReplaceAll(strings.TrimSuffix(block, "\n"), "\n", "\n"+sign) + "\n"
			if got := string(s.diff()); !strings.HasSuffix(got, want) {
				t.Errorf("%s is not all of %s", got, want)
			}
		}
	}
}

// TestSetupOfGeneratedFiles does the same through the script.
func TestSetupOfGeneratedFiles(t *testing.T) {
	outer := homes.NewLocal(t, homes.Shells[0].Argv, "")
	r := rand.New(rand.NewPCG(3, 4))
	for range 40 {
		l := outer.Another(t)
		old := generated(r)
		l.Lay(homes.File(".bashrc", string(old)), homes.File(".profile", debianProfile), homes.File(".ssh/rc", rcBlock))
		want := planFile(bashrcName, remoteFile{kind: data, content: old}, envBody, envBody)
		compare(t, "report", want.action, setUp(t, l).Files[1].Action)
		compare(t, ".bashrc", string(want.edit.apply(old)), l.Read(".bashrc"))
	}
}

// silent is a Runner whose shell says nothing, until it is closed.
type silent struct{}

func (silent) Shell(context.Context) (remotesh.Shell, error) {
	r, w := io.Pipe()
	return struct {
		io.Reader
		io.Writer
		io.Closer
	}{r, io.Discard, w}, nil
}

func TestSetupOfASilentRemote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err := Setup(ctx, silent{})
		if kindOf(t, err) != remotesh.Interrupted || !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("it took %v", took)
		}
	})
}

func FuzzPlan(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		f.Add(generated(r))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		checkPlan(t, content)
		_ = leadsToBashrc(content)
	})
}

func FuzzReadHome(f *testing.F) {
	f.Add([]byte(listing))
	f.Add([]byte("lacks tail\n"))
	f.Add([]byte("shell /bin/zsh\nfile .ssh/rc data 0 1\n\nfile ZDOTDIR/.zshenv missing 2 0\nfile .tcshrc unreadable 0 0\nlink private /tmp/x y\nend\n"))
	f.Add([]byte(strings.Replace(listing, "data 3", "data 1048576", 1)))
	f.Fuzz(func(t *testing.T, output []byte) {
		h, err := readHome(remotesh.NewReader(bytes.NewReader(output)))
		if kindOf(t, err) != "" {
			return
		}
		for _, task := range []task{settingUp, undoing, previewSetup, previewUndoing} {
			for _, s := range task.plan(h) {
				if s.action == "" || (s.action == Skipped) != (s.reason != "") {
					t.Errorf("no sense in %+v", s)
				}
				if task.asks(s) {
					checkOrder(t, task, s)
				}
			}
		}
	})
}

// checkOrder checks that an order is one line and its block, whatever the
// remote had in its files.
func checkOrder(t *testing.T, task task, s step) {
	t.Helper()
	line, block, _ := bytes.Cut(task.order(s), []byte("\n"))
	if !task.preview && !bytes.Equal(block, s.edit.block) || strings.ContainsFunc(string(line), func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("the order is %q", line)
	}
}

func FuzzReadOutcome(f *testing.F) {
	f.Add([]byte("fail .bashrc write No space left on device\n"))
	f.Add([]byte("ok .bashrc\n"))
	f.Fuzz(func(t *testing.T, output []byte) {
		out, err := readOutcome(remotesh.NewReader(bytes.NewReader(output)), bashrcName)
		if kindOf(t, err) == "" && len(out.detail) > text.MaxASCII {
			t.Errorf("the detail has %d bytes", len(out.detail))
		}
	})
}

// removeBlock takes the block out of a file that set-up has written.
func removeBlock(t *testing.T, content string) string {
	t.Helper()
	f, ok := findBlock([]byte(content))
	if !ok || f.fault != "" {
		t.Fatalf("no sound block in %q", content)
	}
	return content[:f.start] + content[f.end:]
}
