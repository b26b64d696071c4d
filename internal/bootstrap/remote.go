package bootstrap

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mosha-ssh/mosha/internal/remotesh"
	"github.com/mosha-ssh/mosha/internal/text"
)

// The lines of the script, NAME being one of listed:
//
//	mosha-setup 1                  the script runs
//	lacks PROGRAM | nohome         it cannot go on
//	shell PATH                     a listing: the login shell
//	file NAME KIND SIZE LINKS      for each file that matters to that shell, or
//	                               that ever did to one; SIZE bytes and a line's
//	                               end follow if KIND is data; if it is missing,
//	                               SIZE is how many directories it lacks; LINKS
//	                               is how many links were followed to it
//	link KIND TEXT                 with undo.sh, if ~/.ssh/ssh_auth_sock is one:
//	                               what it leads to
//	end
//
// and then an answer for each order:
//
//	put NAME START REST LENGTH CRC SIZE NEWCRC NEWSIZE, and LENGTH bytes
//	create NAME LENGTH NEWCRC NEWSIZE, and LENGTH bytes
//	delete NAME CRC SIZE DIRECTORIES, unlink NAME      with undo.sh
//	check NAME ORDER, ORDER being put, create or delete    with check.sh
//	        ok NAME | changed NAME | fail NAME STEP WORDS
//	list    a listing
//	quit    the end
const setupMarker = "mosha-setup 1"

// remote is a shell that runs the script of a task.
type remote struct {
	task
	shell remotesh.Shell
	out   *remotesh.Reader
}

// readHome reads a listing.
func readHome(r *remotesh.Reader) (home, error) {
	h := home{files: make(map[string]remoteFile)}
	first, err := r.Line()
	if err != nil {
		return h, err
	}
	word, rest, _ := strings.Cut(first, " ")
	switch word {
	case "shell":
		h.shell = rest
	case "lacks":
		return h, &remotesh.Error{Kind: remotesh.NoTools, Detail: text.ASCII(rest)}
	case "nohome":
		return h, &remotesh.Error{Kind: remotesh.NoHome}
	default:
		return h, remotesh.Garbled(first)
	}
	for {
		line, err := r.Line()
		switch {
		case err != nil:
			return h, err
		case line == "end":
			if _, ok := h.files[rcName]; !ok {
				return h, remotesh.Garbled(line)
			}
			return h, nil
		case strings.HasPrefix(line, "link "):
			if err := h.readLink(line); err != nil {
				return h, err
			}
			continue
		}
		if err := h.readFile(r, line); err != nil {
			return h, err
		}
	}
}

// readLink reads the line about the link. There is one at most.
func (h *home) readLink(line string) error {
	words := strings.SplitN(line, " ", 3)
	if len(words) != 3 || h.link.kind != "" {
		return remotesh.Garbled(line)
	}
	switch kind := linkKind(words[1]); kind {
	case linkDead, linkForwarded, linkPrivate:
		h.link = remoteLink{kind: kind, text: words[2]}
		return nil
	}
	return remotesh.Garbled(line)
}

// readFile reads the line about a file, and the file's bytes. A listing has
// each file once at most.
func (h *home) readFile(r *remotesh.Reader, line string) error {
	words := strings.Split(line, " ")
	if len(words) != 5 || words[0] != "file" || !slices.Contains(listed, words[1]) {
		return remotesh.Garbled(line)
	}
	if _, twice := h.files[words[1]]; twice {
		return remotesh.Garbled(line)
	}
	links, err := strconv.ParseUint(words[4], 10, 8)
	if err != nil {
		return remotesh.Garbled(line)
	}
	f := remoteFile{kind: fileKind(words[2]), linked: links > 0}
	size, err := strconv.ParseUint(words[3], 10, 32)
	switch {
	case err != nil && f.kind != huge: // its size may be any
		return remotesh.Garbled(line)
	case f.kind == missing && size <= maxDirs:
		f.dirs = int(size)
	case f.kind == data && size <= maxFile:
		if f.content, err = r.Content(int(size)); err != nil {
			return err
		}
	case leftAlone[f.kind] == "":
		return remotesh.Garbled(line)
	}
	h.files[words[1]] = f
	return nil
}

// order returns the order that carries out a step, with its block. In a preview
// it returns the order that tries whether the step would succeed.
func (t task) order(s step) []byte {
	before, after := sums(s.old), sums(s.edit.apply(s.old))
	verb, arguments := "put", fmt.Sprintf("%d %d %d %s %s", s.edit.start, s.edit.end+1, len(s.edit.block), before, after)
	switch {
	case s.name == remotesh.LinkPath:
		return fmt.Appendf(nil, "unlink %s\n", s.name)
	case s.action == Removed:
		verb, arguments = "delete", fmt.Sprintf("%s %d", before, s.dirs)
	case s.action == Created:
		verb, arguments = "create", fmt.Sprintf("%d %s", len(s.edit.block), after)
	}
	if t.preview {
		return fmt.Appendf(nil, "check %s %s\n", s.name, verb)
	}
	return append(fmt.Appendf(nil, "%s %s %s\n", verb, s.name, arguments), s.edit.block...)
}

// sums returns the two words that identify a file's content.
func sums(content []byte) string { return fmt.Sprintf("%d %d", cksum(content), len(content)) }

// outcome is the remote's answer to an order.
type outcome struct {
	changed bool // the file had changed since the listing
	reason  Reason
	detail  string
}

// readOutcome reads the answer to the order about a file.
func readOutcome(r *remotesh.Reader, name string) (outcome, error) {
	line, err := r.Line()
	if err != nil {
		return outcome{}, err
	}
	words := strings.SplitN(line, " ", 4)
	if len(words) < 2 || words[1] != name {
		return outcome{}, remotesh.Garbled(line)
	}
	switch {
	case words[0] == "ok" && len(words) == 2:
		return outcome{}, nil
	case words[0] == "changed" && len(words) == 2:
		return outcome{changed: true}, nil
	case words[0] == "fail" && len(words) > 2 && slices.Contains(failSteps, words[2]):
		detail := strings.Join(words[3:], " ")
		return outcome{reason: classify(words[2], detail), detail: text.ASCII(detail)}, nil
	}
	return outcome{}, remotesh.Garbled(line)
}

// failSteps are the steps at which the script fails on a file.
var failSteps = []string{"open", "mkdir", "write", "verify", "attributes", "rename", "remove"}

// classify makes a reason of the step that failed and of what the remote's
// programs printed. A shell script has no errno: the programs' words, in the C
// locale, are all there is.
func classify(step, words string) Reason {
	if step == "attributes" {
		return Attributes
	}
	words = strings.ToLower(words)
	for _, w := range errnoWords {
		if !strings.Contains(words, w.words) {
			continue
		}
		if w.reason == Denied && step == "open" {
			return Unwritable
		}
		return w.reason
	}
	return WriteError
}

// errnoWords are strerror's for the errors that a person can do something
// about.
var errnoWords = []struct {
	words  string
	reason Reason
}{
	{"read-only file system", ReadOnly}, // EROFS
	{"no space left", Full},             // ENOSPC
	{"quota exceeded", Quota},           // EDQUOT, "Disc quota exceeded" on BSD
	{"disk quota", Quota},               // EDQUOT
	{"permission denied", Denied},       // EACCES
	{"operation not permitted", Denied}, // EPERM: immutable
}
