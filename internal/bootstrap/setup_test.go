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

	"github.com/mosha-ssh/mosha/internal/lab/homes"
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
	homes.Check(t, err)
	return report
}

func TestSetupOfTheCorpus(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		t.Parallel()
		for _, s := range slices.Concat(corpus, otherCorpus) {
			if s.typical || labtest.Whole {
				t.Run(s.name, func(t *testing.T) { testSample(t, l.Another(t), s) })
			}
		}
	})
}

func testSample(t *testing.T, l *homes.Local, s sample) {
	if s.shell != "" {
		l.Env = append(l.Env, "SHELL="+s.shell)
	}
	for _, v := range s.env {
		l.Env = append(l.Env, strings.ReplaceAll(v, "~", l.Home))
	}
	l.Lay(s.entries...)
	before := l.Tree()
	preview, err := PreviewSetup(t.Context(), l)
	homes.Check(t, err)
	if d := homes.Differences(before, l.Tree()); d != "" {
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
	after := l.Tree()
	if d := homes.Differences(before, after, written...); d != "" {
		t.Error(d)
	}
	for _, path := range written[1+len(s.dirs):] {
		checkWritten(t, path, before, after, s.content)
	}
	for _, dir := range written[:1+len(s.dirs)] {
		if _, existed := before[dir]; !existed && after[dir].Mode != os.ModeDir|0o700 {
			t.Errorf("%s has mode %v", dir, after[dir].Mode)
		}
	}
	for path, content := range s.content {
		compare(t, path, content, after[path].Content)
	}

	second := setUp(t, l)
	for i, r := range want {
		if r.action == Created || r.action == Changed {
			want[i].action = InPlace
		}
	}
	compare(t, "second report", want, reported(t, second))
	if d := homes.Differences(after, l.Tree()); d != "" {
		t.Errorf("after the second run: %s", d)
	}
	if untouched(before) {
		_, err := Undo(t.Context(), l)
		homes.Check(t, err)
		if d := homes.Differences(timeless(before), timeless(l.Tree())); d != "" {
			t.Errorf("after undo: %s", d)
		}
	}
}

// untouched reports whether no file has a trace of a block.
func untouched(home homes.Tree) bool {
	for _, n := range home {
		if _, ok := findBlock([]byte(n.Content)); ok {
			return false
		}
	}
	return true
}

// timeless returns a tree without its times.
func timeless(home homes.Tree) homes.Tree {
	home = maps.Clone(home)
	for path, n := range home {
		n.Mtime = time.Time{}
		home[path] = n
	}
	return home
}

// checkWritten checks a file that was created or changed.
func checkWritten(t *testing.T, path string, before, after homes.Tree, content map[string]string) {
	t.Helper()
	old, existed := before[path]
	now := after[path]
	if !existed {
		old.Mode, old.UID = 0o644, now.UID
		if strings.Contains(path, "/") {
			old.Mode = 0o600
		}
	}
	if now.Mode != old.Mode || now.UID != old.UID {
		t.Errorf("%s has mode %v and owner %d, want %v and %d", path, now.Mode, now.UID, old.Mode, old.UID)
	}
	if _, exact := content[path]; !exact {
		rest := now.Content
		for {
			f, ok := findBlock([]byte(rest))
			if !ok {
				break
			}
			rest = rest[:f.start] + rest[f.end:]
		}
		compare(t, path+" without its block", old.Content, rest)
	}
}

func TestSetupOfAMissingHome(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		l.Env = append(l.Env, "HOME="+filepath.Join(l.Home, "gone"))
		_, err := Setup(t.Context(), l)
		compare(t, "error", &remotesh.Error{Kind: remotesh.NoHome}, err)
	})
}

func TestSetupsAtOnce(t *testing.T) {
	l := homes.NewLocal(t, homes.Shells[0].Argv, "")
	l.Lay(homes.File(".bashrc", debianBashrc))
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
	compare(t, ".bashrc", envBlock+debianBashrc, l.Read(".bashrc"))
	compare(t, ".profile", profileBlock, l.Read(".profile"))
	// Whoever comes between the directory and the file takes the directory for
	// an older one.
	if rc := l.Read(".ssh/rc"); rc != rcDirBlock && rc != rcNewBlock {
		t.Errorf(".ssh/rc is %q", rc)
	}
	compare(t, "files", 5, len(l.Tree()))
}

// brittle is a Runner whose shells end in the middle of what they are told.
type brittle struct {
	*homes.Local
	length int // bytes of the second Write that get through
}

type brittleShell struct {
	remotesh.Shell
	length, writes int
}

func (b brittle) Shell(ctx context.Context) (remotesh.Shell, error) {
	s, err := b.Local.Shell(ctx)
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
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		l.Lay(homes.File(".bashrc", debianBashrc), homes.File(".ssh/rc", "true\n"), homes.File(".profile", debianProfile))
		before := l.Tree()
		_, err := Setup(t.Context(), brittle{l, len(rcBlock) / 2})
		var remote *remotesh.Error
		if !errors.As(err, &remote) || remote.Kind != remotesh.Ended {
			t.Errorf("the error is %v", err)
		}
		if d := homes.Differences(before, l.Tree()); d != "" {
			t.Error(d)
		}
		compare(t, "next report", rows(changed(".ssh/rc"), changed(".bashrc")), reported(t, setUp(t, l)))
	})
}

// TestSignalWhileWriting lets sshd hang up when the new file is half there.
func TestSignalWhileWriting(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		bin := homes.OpenDir(t)
		cp := "#!/bin/sh\n/bin/cp \"$@\"\nkill -HUP 0\n"
		labtest.Program(t, filepath.Join(bin, "cp"), cp)
		l.Lay(homes.File(".bashrc", debianBashrc), homes.File(".ssh/rc", "true\n"), homes.File(".profile", debianProfile))
		before := l.Tree()
		hit := *l
		hit.Env = append(slices.Clone(l.Env), "PATH="+bin+":"+l.Path)
		_, err := Setup(t.Context(), &hit)
		if kindOf(t, err) != remotesh.Ended {
			t.Error(err)
		}
		if d := homes.Differences(before, l.Tree()); d != "" {
			t.Error(d)
		}
	})
}

// meddler is a Runner on whose remote somebody appends to ~/.bashrc between
// what is listed and what is written, that many times.
type meddler struct {
	*homes.Local
	times int
}

func (m *meddler) Shell(ctx context.Context) (remotesh.Shell, error) {
	s, err := m.Local.Shell(ctx)
	return &meddledShell{Shell: s, meddler: m}, err
}

type meddledShell struct {
	remotesh.Shell
	*meddler
}

func (s *meddledShell) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte("create")) || bytes.HasPrefix(p, []byte("put")) {
		if s.times--; s.times >= 0 {
			bashrc, err := os.OpenFile(filepath.Join(s.Home, ".bashrc"), os.O_APPEND|os.O_WRONLY, 0)
			homes.Check(s.T, err)
			_, err = bashrc.WriteString("# more\n")
			homes.Check(s.T, err)
			homes.Check(s.T, bashrc.Close())
		}
	}
	return s.Shell.Write(p)
}

func TestFileThatChangesMeanwhile(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		for times, want := range map[int]row{
			1: changed(".bashrc"), maxRounds: {path: ".bashrc", action: Failed, reason: Busy},
		} {
			l := l.Another(t)
			l.Lay(homes.File(".bashrc", "x\n"), homes.File(".profile", debianProfile))
			got := reported(t, setUp(t, &meddler{Local: l, times: times}))
			compare(t, "report", rows(rcNew, want), got)
			content := "x\n" + strings.Repeat("# more\n", times)
			if want.action == Changed {
				content = envBlock + content
			}
			compare(t, ".bashrc", content, l.Read(".bashrc"))
			compare(t, "files", 5, len(l.Tree()))
		}
	})
}

// TestFileThatChangesWhileItIsRead lets it shrink or go away just before a
// program of the script reads it.
func TestFileThatChangesWhileItIsRead(t *testing.T) {
	homes.EachShell(t, func(t *testing.T, l *homes.Local) {
		t.Parallel()
		for _, program := range []string{"wc", "dd"} {
			for meddling, want := range map[string]string{
				"rm -f .bashrc": envNewBlock, ": >.bashrc": envBlock, "echo short >.bashrc": envBlock + "short\n",
				"echo longer and longer >>.bashrc": envBlock + "a few words\nlonger and longer\n",
			} {
				l := l.Another(t)
				l.Lay(homes.File(".bashrc", "a few words\n"), homes.File(".profile", debianProfile), homes.File(".ssh/rc", rcBlock))
				bin := homes.OpenDir(t)
				real := filepath.Join(filepath.SplitList(l.Path)[0], program)
				// dd has the file's name, and wc the file as its input.
				script := "#!/bin/sh\ncase $*$(readlink /proc/self/fd/0) in\n" +
					"*/.bashrc*) [ -e met ] || { : >met; " + meddling + "; } ;;\nesac\nexec " + real + " \"$@\"\n"
				labtest.Program(t, filepath.Join(bin, program), script)
				l.Env = append(l.Env, "PATH="+bin+":"+l.Path)
				setUp(t, l)
				if got := l.Read(".bashrc"); got != want {
					t.Errorf("%s at %s: %q", meddling, program, got)
				}
			}
		}
	})
}
