package bootstrap

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/homes"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// TestUndoOfTheLink: it goes if nobody listens at its end or mosha may have
// made it, and stays if a person leads it to an agent of that machine.
func TestUndoOfTheLink(t *testing.T) {
	t.Parallel()
	homes.EachShell(t, func(t *testing.T, outer *homes.Local) {
		a := homes.NewAgents(outer)
		sshd, name := a.Start(a.SshdName()), a.SshdName()
		homes.Check(t, outer.Command("mkdir", "-p", a.Dir+"/.ssh/agent").Run())
		theirs := homes.NewAgents(outer)
		hers := theirs.Anothers("agent.1")
		homes.Check(t, os.Chown(theirs.Dir, homes.Mallory, homes.Mallory))
		for what, c := range map[string]struct {
			text string
			want Action
		}{
			"nothing":                          {text: a.Dir + "/gone", want: Removed},
			"itself":                           {text: "ssh_auth_sock", want: Removed},
			"sshd's":                           {text: sshd, want: Removed},
			"sshd's, marked":                   {text: "/." + sshd, want: Removed},
			"sshd's from 10.1 on":              {text: a.Start(".ssh/agent/s.x.sshd.y"), want: Removed},
			"sshd's from 10.6 on":              {text: a.Start("s.x.sshd." + strings.TrimPrefix(name, "agent.") + ".y"), want: Removed},
			"sshd's from 10.6 on, shared":      {text: a.Start("agent.sshd." + strings.TrimPrefix(name, "agent.")), want: Removed},
			"an ssh-agent's, as no sshd's":     {text: a.Start("s.x.sshd.1.y"), want: Skipped},
			"another server's, marked":         {text: "/." + a.Start("forwarded"), want: Removed},
			"another user's":                   {text: hers, want: Removed},
			"what is left of one":              {text: left(t, outer, a.Dir+"/left"), want: Removed},
			"what is left of sshd's":           {text: left(t, outer, a.Dir+"/"+name), want: Removed},
			"an ssh-agent's, named as sshd's":  {text: a.Start("agent.1"), want: Skipped},
			"an ssh-agent's":                   {text: a.Start("mine"), want: Skipped},
			"an ssh-agent's from 10.1 on":      {text: a.Start(".ssh/agent/s.x.agent.y"), want: Skipped},
			"one whose name has several lines": {text: a.Start("two\nend\nlines"), want: Skipped},
		} {
			t.Run(what, func(t *testing.T) { testUnlink(t, outer.Another(t), c.text, c.want) })
		}
	})
}

// left leaves a socket behind at which nobody listens.
func left(t *testing.T, l *homes.Local, path string) string {
	t.Helper()
	s, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	homes.Check(t, err)
	s.SetUnlinkOnClose(false)
	homes.Check(t, s.Close())
	l.Own(path)
	return path
}

// testUnlink takes back what is there and, if all is tried, what is not.
func testUnlink(t *testing.T, l *homes.Local, text string, want Action) {
	for _, first := range labtest.Rows(1, []func(){func() { setUp(t, l) }, func() {}}) {
		l.Lay(homes.Symlink(remotesh.LinkPath, text))
		first()
		preview, err := PreviewUndo(t.Context(), l)
		homes.Check(t, err)
		compare(t, "preview", want, preview.Files[0].Action)
		compare(t, "target after a preview", text, l.Target())
		report := undo(t, l)
		compare(t, "path", "~/"+remotesh.LinkPath, report.Files[0].Path)
		compare(t, "action", want, report.Files[0].Action)
		if want == Removed {
			compare(t, "target", "", l.Target())
			continue
		}
		compare(t, "target", text, l.Target())
		var cause *FileError
		if !errors.As(report.Files[0].Cause, &cause) || cause.Reason != Private || filepath.Dir(cause.Detail) != filepath.Dir(text) {
			t.Errorf("the cause is %v", report.Files[0].Cause)
		}
		homes.Check(t, l.Command("rm", remotesh.LinkPath).Run())
	}
}
