package bootstrap

import "bytes"

// maxFile is the size in bytes up to which set-up reads and writes a file.
const maxFile = 1 << 20

// fileKind is what the remote reports a file to be, once it has followed the
// file's links.
type fileKind string

const (
	data       fileKind = "data"
	missing    fileKind = "missing"
	dangling   fileKind = "dangling"
	loop       fileKind = "loop"
	other      fileKind = "other"
	unreadable fileKind = "unreadable"
	huge       fileKind = "huge"
)

// leftAlone is why set-up does not write a file of a kind.
var leftAlone = map[fileKind]Reason{
	dangling:   Dangling,
	loop:       LinkLoop,
	other:      Irregular,
	unreadable: Unreadable,
	huge:       TooLarge,
}

// remoteFile is a file as the remote lists it.
type remoteFile struct {
	kind    fileKind
	linked  bool   // whether a link leads there
	content []byte // of data
	dirs    int    // of missing: how many directories that it is to be in are missing too
}

// home is the remote's listing.
type home struct {
	shell string // the login shell
	files map[string]remoteFile
	link  remoteLink
}

// remoteLink is what the remote reports of the link at remotesh.LinkPath.
type remoteLink struct {
	kind linkKind
	text string // what it leads to, cut
}

// linkKind is what a link leads to. It is empty if there is none, or if the
// task is not about it.
type linkKind string

const (
	linkDead      linkKind = "dead"      // to a socket at which nobody listens, or to no socket
	linkForwarded linkKind = "forwarded" // to an agent that an sshd forwards
	linkPrivate   linkKind = "private"   // to another live agent
)

// step is what to do about a file. It is a wish until the remote has done it.
type step struct {
	name   string
	action Action
	reason Reason // of Skipped
	detail string // of Skipped: what the remote said, printable
	edit   edit   // what to write
	dirs   int    // of Removed: how many directories go with it
	old    []byte
}

// writes reports whether the remote has something to do.
func (s step) writes() bool { return s.action != InPlace && s.action != Skipped }

// planFile decides about a file. It is to hold the body created if it is ours
// alone, else the body added.
func planFile(name string, f remoteFile, created, added string) step {
	switch f.kind {
	case missing:
		return step{name: name, action: Created, edit: edit{block: block(created, origin{created: true, dirs: f.dirs})}}
	case data:
		return planContent(step{name: name, old: f.content}, created, added)
	}
	return step{name: name, action: Skipped, reason: leftAlone[f.kind]}
}

// planContent decides about a file that exists. A block of a newer version
// stays: another laptop's mosha wrote it.
func planContent(s step, created, added string) step {
	f, ok := findBlock(s.old)
	switch {
	case !ok:
		at := insertAt(s.old)
		return s.change(edit{start: at, end: at, block: block(added, origin{})})
	case f.fault != "":
		s.action, s.reason = Skipped, f.fault
		return s
	}
	want := block(added, f.origin)
	if f.created {
		want = block(created, f.origin)
	}
	if f.version > blockVersion || bytes.Equal(bytes.TrimSpace(s.old[f.start:f.end]), bytes.TrimSpace(want)) {
		s.action = InPlace
		return s
	}
	return s.change(edit{start: f.start, end: f.end, block: want})
}

// change makes the edit the step, unless the file would grow beyond what the
// next run reads.
func (s step) change(e edit) step {
	if len(s.old)-(e.end-e.start)+len(e.block) > maxFile {
		s.action, s.reason = Skipped, TooLarge
		return s
	}
	s.action, s.edit = Changed, e
	return s
}
