package bootstrap

import (
	"bytes"
	"context"

	"github.com/mosha-ssh/mosha/internal/remotesh"
	"github.com/mosha-ssh/mosha/internal/text"
)

// Undo takes out of the remote's dotfiles what Setup has put into them, for
// whichever shell and in whichever version. It removes the link, unless that is
// the person's own. A file is then what it was before. If set-up created it and
// nothing else is in it, it is gone, with the directories that set-up made for
// it; but the file that a link leads to by now stays, empty, as the link is not
// set-up's. A block that was edited, or of which only a part is left, stays and
// is a row of the report: only a person can tell which lines are theirs. A file
// that Undo cannot read is a row too. The errors are Setup's.
//
// Undo knows nothing of other machines: a holder that runs there points the
// link again.
func Undo(ctx context.Context, r remotesh.Runner) (Report, error) { return undoing.run(ctx, r) }

// PreviewUndo writes nothing. It reports what Undo would do, with a diff of
// each file.
func PreviewUndo(ctx context.Context, r remotesh.Runner) (Report, error) {
	return previewUndoing.run(ctx, r)
}

// planUndo decides what to take back.
func planUndo(h home) []step {
	var steps []step
	if h.link.kind != "" {
		steps = append(steps, planUnlink(h.link, h.files[rcName]))
	}
	for _, name := range listed {
		if s, ok := planRemoval(name, h.files[name]); ok {
			steps = append(steps, s)
		}
	}
	return steps
}

// planUnlink decides about the link. It stays where it is the person's own:
// where their lines in ~/.ssh/rc make one of that name, as many did by hand
// before, or where it leads to an agent that no sshd forwards.
func planUnlink(l remoteLink, rc remoteFile) step {
	if l.kind == linkPrivate {
		return step{name: remotesh.LinkPath, action: Skipped, reason: Private, detail: text.ASCII(l.text)}
	}
	own := rc.content
	if f, ok := findBlock(own); ok && f.fault == "" {
		own = edit{start: f.start, end: f.end}.apply(own)
	}
	if bytes.Contains(own, []byte(remotesh.LinkPath[len(".ssh/"):])) {
		return step{name: remotesh.LinkPath, action: Skipped, reason: Needed}
	}
	return step{name: remotesh.LinkPath, action: Removed}
}

// planRemoval decides about a file that may have our block. ok is false if it
// has none.
func planRemoval(name string, f remoteFile) (s step, ok bool) {
	switch f.kind {
	case data:
	case unreadable, huge:
		return step{name: name, action: Skipped, reason: leftAlone[f.kind]}, true
	default:
		return step{}, false
	}
	s = step{name: name, old: f.content}
	found, ok := findBlock(f.content)
	switch {
	case !ok:
		return s, false
	case found.fault != "":
		s.action, s.reason = Skipped, found.fault
		return s, true
	}
	s.edit = edit{start: found.start, end: found.end}
	s.action = Restored
	if found.created && !f.linked && len(bytes.TrimSpace(s.edit.apply(s.old))) == 0 {
		s.action, s.dirs = Removed, found.dirs
		s.edit = edit{end: len(s.old)}
	}
	return s, true
}
