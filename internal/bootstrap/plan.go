package bootstrap

import (
	"bytes"
	"path"
	"regexp"
)

// The files that the remote lists, in its order.
const (
	rcName      = ".ssh/rc"
	bashrcName  = ".bashrc"
	profileName = ".profile"
)

var (
	listed = []string{rcName, bashrcName, ".bash_profile", ".bash_login", profileName}
	// loginNames are the files of which a login bash reads the first there is.
	loginNames = listed[2:]
)

// maxFile is the size in bytes up to which a file is read and written.
const maxFile = 1 << 20

// fileKind is what the remote says that a file is, once its links are followed.
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

// leftAlone is why a file of a kind is not written.
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
	content []byte // of data
}

// home is what the remote's listing says.
type home struct {
	shell string // the login shell
	files map[string]remoteFile
}

// step is what is to be done about a file. Created and Changed are wishes
// until the remote has carried them out.
type step struct {
	name   string
	action Action
	reason Reason // of Skipped
	edit   edit   // of Created and Changed
	old    []byte
}

// plan decides what the files of a home need.
func plan(h home) []step {
	steps := []step{planFile(rcName, h.files[rcName], rcAloneBody, rcBody)}
	login := path.Base(h.shell) == "bash"
	if !login && h.files[bashrcName].kind == missing {
		return steps
	}
	bashrc := planFile(bashrcName, h.files[bashrcName], envBody, envBody)
	steps = append(steps, bashrc)
	if !login {
		return steps
	}
	if s, ok := planLogin(h, bashrc.action != Skipped); ok {
		steps = append(steps, s)
	}
	return steps
}

// planLogin decides about the file that a login bash reads. One that leads to
// ~/.bashrc needs nothing. Any other gets the same block as ~/.bashrc: reading
// a ~/.bashrc that its owner keeps out of login shells would change more than
// the agent. Where there is none, one is created if there is a ~/.bashrc for it
// to lead to.
func planLogin(h home, bashrc bool) (s step, ok bool) {
	for _, name := range loginNames {
		f := h.files[name]
		// bash passes over a dangling link, and stops at anything else, even
		// at what it cannot read.
		if f.kind == missing || f.kind == dangling {
			continue
		}
		_, marked := findBlock(f.content)
		if !marked && leadsToBashrc(f.content) {
			return step{}, false
		}
		return planFile(name, f, profileBody, envBody), true
	}
	if !bashrc {
		return step{}, false
	}
	return planFile(profileName, h.files[profileName], profileBody, envBody), true
}

// planFile decides about a file that is to hold the body created, if the file
// is ours alone, or else the body added.
func planFile(name string, f remoteFile, created, added string) step {
	switch f.kind {
	case missing:
		return step{name: name, action: Created, edit: edit{block: block(created, true)}}
	case data:
		return planContent(step{name: name, old: f.content}, created, added)
	}
	return step{name: name, action: Skipped, reason: leftAlone[f.kind]}
}

// planContent decides about a file that is there. A block of a newer version
// stays: another laptop's mosha wrote it.
func planContent(s step, created, added string) step {
	f, ok := findBlock(s.old)
	switch {
	case !ok:
		at := insertAt(s.old)
		return s.change(edit{start: at, end: at, block: block(added, false)})
	case f.fault != 0:
		s.action, s.reason = Skipped, f.fault
		return s
	}
	want := block(added, false)
	if f.created {
		want = block(created, true)
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

// sourcesBashrc matches a command that reads ~/.bashrc: `. ~/.bashrc`, `source
// "$HOME/.bashrc"`, also behind a condition, but not /etc/bash.bashrc.
var sourcesBashrc = regexp.MustCompile(`(?:^|[\s;&|{(])(?:\.|source)\s+["']?(?:[^\s"';&|#]*["']?/["']?)?\.bashrc(?:[\s"';&|)}]|$)`)

// leadsToBashrc tells whether a login file reads ~/.bashrc.
func leadsToBashrc(content []byte) bool {
	for line := range lines(content) {
		text := bytes.TrimSpace(content[line.start:line.end])
		if !bytes.HasPrefix(text, []byte("#")) && sourcesBashrc.Match(text) {
			return true
		}
	}
	return false
}
