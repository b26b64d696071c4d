package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// reported returns a report's rows.
func reported(t *testing.T, r Report) []row {
	t.Helper()
	var rows []row
	for _, f := range r.Files {
		got := row{path: strings.TrimLeft(f.Path, "~/$"), action: f.Action}
		if f.Cause != nil {
			got.reason = f.Cause.Reason
			if f.Cause.Path != f.Path {
				t.Errorf("the cause for %s is about %s", f.Path, f.Cause.Path)
			}
		}
		rows = append(rows, got)
	}
	return rows
}

func compare(t *testing.T, what string, want, got any) {
	t.Helper()
	private := cmp.AllowUnexported(row{}, remoteFile{}, remoteLink{}, outcome{}, home{})
	addresses := cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })
	if diff := cmp.Diff(want, got, private, addresses); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// setUp runs Setup, which must not fail as a whole.
func setUp(t *testing.T, r remotesh.Runner) Report {
	t.Helper()
	report, err := Setup(t.Context(), r)
	check(t, err)
	return report
}

func TestSetupOfTheCorpus(t *testing.T) {
	eachShell(t, func(t *testing.T, l *local) {
		t.Parallel()
		for _, s := range slices.Concat(corpus, otherCorpus) {
			if s.typical || labtest.Whole {
				t.Run(s.name, func(t *testing.T) { testSample(t, l.another(t), s) })
			}
		}
	})
}

func testSample(t *testing.T, l *local, s sample) {
	if s.shell != "" {
		l.env = append(l.env, "SHELL="+s.shell)
	}
	for _, v := range s.env {
		l.env = append(l.env, strings.ReplaceAll(v, "~", l.home))
	}
	l.lay(s.entries...)
	before := l.tree()
	preview, err := PreviewSetup(t.Context(), l)
	check(t, err)
	if d := differences(before, l.tree()); d != "" {
		t.Errorf("a preview changed something: %s", d)
	}
	first := setUp(t, l)
	var want []row
	written := append([]string{".ssh"}, s.dirs...)
	for _, r := range s.rows {
		if r.action == Created || r.action == Changed {
			if r.target == "" {
				r.target = r.path
			}
			written = append(written, r.target)
		}
		r.target = ""
		want = append(want, r)
	}
	// What a link shows twice is found out only by writing.
	if s.name != "odd names behind links" {
		compare(t, "preview", want, reported(t, preview))
	}
	compare(t, "first report", want, reported(t, first))
	after := l.tree()
	if d := differences(before, after, written...); d != "" {
		t.Error(d)
	}
	for _, path := range written[1+len(s.dirs):] {
		checkWritten(t, path, before, after, s.content)
	}
	for _, dir := range written[:1+len(s.dirs)] {
		if _, existed := before[dir]; !existed && after[dir].mode != os.ModeDir|0o700 {
			t.Errorf("%s has mode %v", dir, after[dir].mode)
		}
	}
	for path, content := range s.content {
		compare(t, path, content, after[path].content)
	}

	second := setUp(t, l)
	for i, r := range want {
		if r.action == Created || r.action == Changed {
			want[i].action = InPlace
		}
	}
	compare(t, "second report", want, reported(t, second))
	if d := differences(after, l.tree()); d != "" {
		t.Errorf("after the second run: %s", d)
	}
	if untouched(before) {
		_, err := Undo(t.Context(), l)
		check(t, err)
		if d := differences(timeless(before), timeless(l.tree())); d != "" {
			t.Errorf("after undo: %s", d)
		}
	}
}

// untouched reports whether no file has a trace of a block.
func untouched(home tree) bool {
	for _, n := range home {
		if _, ok := findBlock([]byte(n.content)); ok {
			return false
		}
	}
	return true
}

// timeless returns a tree without its times.
func timeless(home tree) tree {
	home = maps.Clone(home)
	for path, n := range home {
		n.mtime = time.Time{}
		home[path] = n
	}
	return home
}

// checkWritten checks a file that was created or changed.
func checkWritten(t *testing.T, path string, before, after tree, content map[string]string) {
	t.Helper()
	old, existed := before[path]
	now := after[path]
	if !existed {
		old.mode, old.uid = 0o644, now.uid
		if strings.Contains(path, "/") {
			old.mode = 0o600
		}
	}
	if now.mode != old.mode || now.uid != old.uid {
		t.Errorf("%s has mode %v and owner %d, want %v and %d", path, now.mode, now.uid, old.mode, old.uid)
	}
	if _, exact := content[path]; !exact {
		rest := now.content
		for {
			f, ok := findBlock([]byte(rest))
			if !ok {
				break
			}
			rest = rest[:f.start] + rest[f.end:]
		}
		compare(t, path+" without its block", old.content, rest)
	}
}

func TestSetupOfAMissingHome(t *testing.T) {
	eachShell(t, func(t *testing.T, l *local) {
		l.env = append(l.env, "HOME="+filepath.Join(l.home, "gone"))
		_, err := Setup(t.Context(), l)
		compare(t, "error", &remotesh.Error{Kind: remotesh.NoHome}, err)
	})
}

func TestSetupsAtOnce(t *testing.T) {
	l := newLocal(t, shells[0].argv, "")
	l.lay(file(".bashrc", debianBashrc))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			report, err := Setup(t.Context(), l)
			if err != nil {
				t.Error(err)
			}
			for _, f := range report.Files {
				if f.Cause != nil {
					t.Error(f.Cause)
				}
			}
		})
	}
	all.Wait()
	compare(t, ".bashrc", envBlock+debianBashrc, l.read(".bashrc"))
	compare(t, ".profile", profileBlock, l.read(".profile"))
	// Whoever comes between the directory and the file takes the directory for
	// an older one.
	if rc := l.read(".ssh/rc"); rc != rcDirBlock && rc != rcNewBlock {
		t.Errorf(".ssh/rc is %q", rc)
	}
	compare(t, "files", 5, len(l.tree()))
}

// brittle is a Runner whose shells end in the middle of what they are told.
type brittle struct {
	*local
	length int // bytes of the second Write that get through
}

type brittleShell struct {
	remotesh.Shell
	length, writes int
}

func (b brittle) Shell(ctx context.Context) (remotesh.Shell, error) {
	s, err := b.local.Shell(ctx)
	return &brittleShell{Shell: s, length: b.length}, err
}

func (s *brittleShell) Write(p []byte) (int, error) {
	if s.writes++; s.writes < 2 {
		return s.Shell.Write(p)
	}
	n, _ := s.Shell.Write(p[:min(s.length, len(p))])
	_ = s.Close()
	return n, os.ErrClosed
}

func TestConnectionLostWhileWriting(t *testing.T) {
	eachShell(t, func(t *testing.T, l *local) {
		l.lay(file(".bashrc", debianBashrc), file(".ssh/rc", "true\n"), file(".profile", debianProfile))
		before := l.tree()
		_, err := Setup(t.Context(), brittle{l, len(rcBlock) / 2})
		var remote *remotesh.Error
		if !errors.As(err, &remote) || remote.Kind != remotesh.Ended {
			t.Errorf("the error is %v", err)
		}
		if d := differences(before, l.tree()); d != "" {
			t.Error(d)
		}
		compare(t, "next report", rows(changed(".ssh/rc"), changed(".bashrc")), reported(t, setUp(t, l)))
	})
}

// TestSignalWhileWriting lets sshd hang up when the new file is half there.
func TestSignalWhileWriting(t *testing.T) {
	eachShell(t, func(t *testing.T, l *local) {
		bin := openDir(t)
		cp := "#!/bin/sh\n/bin/cp \"$@\"\nkill -HUP 0\n"
		labtest.Program(t, filepath.Join(bin, "cp"), cp)
		l.lay(file(".bashrc", debianBashrc), file(".ssh/rc", "true\n"), file(".profile", debianProfile))
		before := l.tree()
		hit := *l
		hit.env = append(slices.Clone(l.env), "PATH="+bin+":"+l.path)
		_, err := Setup(t.Context(), &hit)
		if kindOf(t, err) != remotesh.Ended {
			t.Error(err)
		}
		if d := differences(before, l.tree()); d != "" {
			t.Error(d)
		}
	})
}

// meddler is a Runner on whose remote somebody appends to ~/.bashrc between
// what is listed and what is written, that many times.
type meddler struct {
	*local
	times int
}

func (m *meddler) Shell(ctx context.Context) (remotesh.Shell, error) {
	s, err := m.local.Shell(ctx)
	return &meddledShell{Shell: s, meddler: m}, err
}

type meddledShell struct {
	remotesh.Shell
	*meddler
}

func (s *meddledShell) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte("create")) || bytes.HasPrefix(p, []byte("put")) {
		if s.times--; s.times >= 0 {
			bashrc, err := os.OpenFile(filepath.Join(s.home, ".bashrc"), os.O_APPEND|os.O_WRONLY, 0)
			check(s.t, err)
			_, err = bashrc.WriteString("# more\n")
			check(s.t, err)
			check(s.t, bashrc.Close())
		}
	}
	return s.Shell.Write(p)
}

func TestFileThatChangesMeanwhile(t *testing.T) {
	eachShell(t, func(t *testing.T, l *local) {
		for times, want := range map[int]row{
			1: changed(".bashrc"), maxRounds: {path: ".bashrc", action: Failed, reason: Busy},
		} {
			l := l.another(t)
			l.lay(file(".bashrc", "x\n"), file(".profile", debianProfile))
			got := reported(t, setUp(t, &meddler{local: l, times: times}))
			compare(t, "report", rows(rcNew, want), got)
			content := "x\n" + strings.Repeat("# more\n", times)
			if want.action == Changed {
				content = envBlock + content
			}
			compare(t, ".bashrc", content, l.read(".bashrc"))
			compare(t, "files", 5, len(l.tree()))
		}
	})
}

// TestFileThatChangesWhileItIsRead lets it shrink or go away just before a
// program of the script reads it.
func TestFileThatChangesWhileItIsRead(t *testing.T) {
	eachShell(t, func(t *testing.T, l *local) {
		t.Parallel()
		for _, program := range []string{"wc", "dd"} {
			for meddling, want := range map[string]string{
				"rm -f .bashrc": envNewBlock, ": >.bashrc": envBlock, "echo short >.bashrc": envBlock + "short\n",
				"echo longer and longer >>.bashrc": envBlock + "a few words\nlonger and longer\n",
			} {
				l := l.another(t)
				l.lay(file(".bashrc", "a few words\n"), file(".profile", debianProfile), file(".ssh/rc", rcBlock))
				bin := openDir(t)
				real := filepath.Join(filepath.SplitList(l.path)[0], program)
				// dd has the file's name, and wc the file as its input.
				script := "#!/bin/sh\ncase $*$(readlink /proc/self/fd/0) in\n" +
					"*/.bashrc*) [ -e met ] || { : >met; " + meddling + "; } ;;\nesac\nexec " + real + " \"$@\"\n"
				labtest.Program(t, filepath.Join(bin, program), script)
				l.env = append(l.env, "PATH="+bin+":"+l.path)
				setUp(t, l)
				if got := l.read(".bashrc"); got != want {
					t.Errorf("%s at %s: %q", meddling, program, got)
				}
			}
		}
	})
}
