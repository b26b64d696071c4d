package bootstrap

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// TestUndoOfTheLink: it goes if nobody listens at its end or mosha may have
// made it, and stays if a person leads it to an agent of that machine.
func TestUndoOfTheLink(t *testing.T) {
	t.Parallel()
	eachShell(t, func(t *testing.T, outer *local) {
		a := newAgents(outer)
		sshd, name := a.start(a.sshdName()), a.sshdName()
		check(t, outer.command("mkdir", "-p", a.dir+"/.ssh/agent").Run())
		theirs := newAgents(outer)
		hers := theirs.anothers("agent.1")
		check(t, os.Chown(theirs.dir, mallory, mallory))
		for what, c := range map[string]struct {
			text string
			want Action
		}{
			"nothing":                          {text: a.dir + "/gone", want: Removed},
			"itself":                           {text: "ssh_auth_sock", want: Removed},
			"sshd's":                           {text: sshd, want: Removed},
			"sshd's, marked":                   {text: "/." + sshd, want: Removed},
			"sshd's from 10.1 on":              {text: a.start(".ssh/agent/s.x.sshd.y"), want: Removed},
			"sshd's from 10.6 on":              {text: a.start("s.x.sshd." + strings.TrimPrefix(name, "agent.") + ".y"), want: Removed},
			"sshd's from 10.6 on, shared":      {text: a.start("agent.sshd." + strings.TrimPrefix(name, "agent.")), want: Removed},
			"an ssh-agent's, as no sshd's":     {text: a.start("s.x.sshd.1.y"), want: Skipped},
			"another server's, marked":         {text: "/." + a.start("forwarded"), want: Removed},
			"another user's":                   {text: hers, want: Removed},
			"what is left of one":              {text: left(t, outer, a.dir+"/left"), want: Removed},
			"what is left of sshd's":           {text: left(t, outer, a.dir+"/"+name), want: Removed},
			"an ssh-agent's, named as sshd's":  {text: a.start("agent.1"), want: Skipped},
			"an ssh-agent's":                   {text: a.start("mine"), want: Skipped},
			"an ssh-agent's from 10.1 on":      {text: a.start(".ssh/agent/s.x.agent.y"), want: Skipped},
			"one whose name has several lines": {text: a.start("two\nend\nlines"), want: Skipped},
		} {
			t.Run(what, func(t *testing.T) { testUnlink(t, outer.another(t), c.text, c.want) })
		}
	})
}

// left leaves a socket behind at which nobody listens.
func left(t *testing.T, l *local, path string) string {
	t.Helper()
	s, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	check(t, err)
	s.SetUnlinkOnClose(false)
	check(t, s.Close())
	l.own(path)
	return path
}

// testUnlink takes back what is there and, if all is tried, what is not.
func testUnlink(t *testing.T, l *local, text string, want Action) {
	for _, first := range labtest.Rows(1, []func(){func() { setUp(t, l) }, func() {}}) {
		l.lay(symlink(remotesh.LinkPath, text))
		first()
		preview, err := PreviewUndo(t.Context(), l)
		check(t, err)
		compare(t, "preview", want, preview.Files[0].Action)
		compare(t, "target after a preview", text, l.target())
		report := undo(t, l)
		compare(t, "path", "~/"+remotesh.LinkPath, report.Files[0].Path)
		compare(t, "action", want, report.Files[0].Action)
		if want == Removed {
			compare(t, "target", "", l.target())
			continue
		}
		compare(t, "target", text, l.target())
		var cause *FileError
		if !errors.As(report.Files[0].Cause, &cause) || cause.Reason != Private || filepath.Dir(cause.Detail) != filepath.Dir(text) {
			t.Errorf("the cause is %v", report.Files[0].Cause)
		}
		check(t, l.command("rm", remotesh.LinkPath).Run())
	}
}
