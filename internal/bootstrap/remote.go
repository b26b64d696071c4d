package bootstrap

import (
	"bufio"
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// The lines of setup.sh, NAME being one of listed:
//
//	mosha-setup 1                  the script runs
//	lacks PROGRAM | nohome         it cannot go on
//	shell PATH                     a listing: the login shell
//	file NAME KIND SIZE            for each of listed, in order; SIZE bytes and
//	                               a line's end follow if KIND is data
//	end
//
// and then an answer for each order:
//
//	put NAME START REST LENGTH CRC SIZE NEWCRC NEWSIZE, and LENGTH bytes
//	create NAME LENGTH NEWCRC NEWSIZE, and LENGTH bytes
//	        ok NAME | changed NAME | fail NAME STEP WORDS
//	list    a listing
//	quit    the end
const setupMarker = "mosha-setup 1"

//go:embed setup.sh
var setupScript []byte

// remote is a shell that runs setup.sh.
type remote struct {
	shell Shell
	out   *bufio.Reader
}

// start sends the script and waits until it runs.
func (s *remote) start() error {
	if _, err := s.shell.Write(setupScript); err != nil {
		return &RemoteError{Kind: NoShell, Err: lost(err)}
	}
	return awaitMarker(s.out, setupMarker)
}

// readHome reads a listing.
func readHome(r *bufio.Reader) (home, error) {
	h := home{files: make(map[string]remoteFile)}
	first, err := readLine(r)
	if err != nil {
		return h, err
	}
	word, rest, _ := strings.Cut(first, " ")
	switch word {
	case "shell":
		h.shell = rest
	case "lacks":
		return h, &RemoteError{Kind: NoTools, Detail: printable(rest)}
	case "nohome":
		return h, &RemoteError{Kind: NoHome}
	default:
		return h, malformed(first)
	}
	for _, name := range listed {
		if h.files[name], err = readFile(r, name); err != nil {
			return h, err
		}
	}
	last, err := readLine(r)
	if err == nil && last != "end" {
		err = malformed(last)
	}
	return h, err
}

// readFile reads the line about a file, and its bytes.
func readFile(r *bufio.Reader, name string) (remoteFile, error) {
	line, err := readLine(r)
	if err != nil {
		return remoteFile{}, err
	}
	words := strings.Split(line, " ")
	if len(words) != 4 || words[0] != "file" || words[1] != name {
		return remoteFile{}, malformed(line)
	}
	f := remoteFile{kind: fileKind(words[2])}
	if f.kind != data {
		if _, known := leftAlone[f.kind]; !known && f.kind != missing {
			return f, malformed(line)
		}
		return f, nil
	}
	size, err := strconv.ParseUint(words[3], 10, 32)
	if err != nil || size > maxFile {
		return f, malformed(line)
	}
	f.content, err = readContent(r, int(size))
	return f, err
}

// readContent reads a file's bytes and the line's end behind them.
func readContent(r *bufio.Reader, size int) ([]byte, error) {
	var content bytes.Buffer // grows with what really comes
	if _, err := io.CopyN(&content, r, int64(size)); err != nil {
		return nil, &RemoteError{Kind: Ended, Err: lost(err)}
	}
	end, err := r.ReadByte()
	if err != nil {
		return nil, &RemoteError{Kind: Ended, Err: lost(err)}
	}
	if end != '\n' {
		return nil, malformed("a file changed while it was read")
	}
	return content.Bytes(), nil
}

// order returns the order that carries out a step, and its block.
func order(s step) []byte {
	content := s.edit.apply(s.old)
	sums := fmt.Sprintf("%d %d", cksum(content), len(content))
	var line string
	if s.action == Created {
		line = fmt.Sprintf("create %s %d %s\n", s.name, len(s.edit.block), sums)
	} else {
		line = fmt.Sprintf("put %s %d %d %d %d %d %s\n", s.name, s.edit.start, s.edit.end+1, len(s.edit.block),
			cksum(s.old), len(s.old), sums)
	}
	return append([]byte(line), s.edit.block...)
}

// outcome is the remote's answer to an order.
type outcome struct {
	changed bool // the file was no longer what the order was about
	reason  Reason
	detail  string
}

// readOutcome reads the answer to the order about a file.
func readOutcome(r *bufio.Reader, name string) (outcome, error) {
	line, err := readLine(r)
	if err != nil {
		return outcome{}, err
	}
	words := strings.SplitN(line, " ", 4)
	if len(words) < 2 || words[1] != name {
		return outcome{}, malformed(line)
	}
	switch {
	case words[0] == "ok" && len(words) == 2:
		return outcome{}, nil
	case words[0] == "changed" && len(words) == 2:
		return outcome{changed: true}, nil
	case words[0] == "fail" && len(words) > 2 && slices.Contains(failSteps, words[2]):
		detail := strings.Join(words[3:], " ")
		return outcome{reason: classify(words[2], detail), detail: printable(detail)}, nil
	}
	return outcome{}, malformed(line)
}

// failSteps are the steps at which setup.sh fails on a file.
var failSteps = []string{"open", "mkdir", "write", "verify", "attributes", "rename"}

// classify makes a reason of a step that failed and of what the remote's
// programs said about it. A shell script has no errno: their words, in the C
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

// errnoWords are strerror's for the errors that a person can do something about.
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
