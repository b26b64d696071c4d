package bootstrap

import "strconv"

// Reason says why a file was not written.
type Reason int

// The reasons of a FileError. Up to Denied they describe a file that is left
// as it is (Skipped), from ReadOnly on a write that failed (Failed).
const (
	Irregular  Reason = iota + 1 // a directory, a FIFO or a device
	Dangling                     // a link that leads to nothing
	LinkLoop                     // a link that leads to itself
	TooLarge                     // above 1 MiB
	Unreadable                   // no permission to read it
	Unwritable                   // no permission to write it, or immutable
	Attributes                   // its owner, mode, ACL or further names would be lost
	Edited                       // the block was changed by hand
	Unfinished                   // the block lacks its first or its last line
	Several                      // more than one block
	Needed                       // the person's own lines in ~/.ssh/rc set the link
	Private                      // the link leads to an agent that no sshd forwards; Detail has where
	ReadOnly                     // the file system is read-only
	Full                         // no space left
	Quota                        // over quota
	Denied                       // no permission to write in the directory
	Busy                         // it changed at every attempt to write it
	WriteError                   // anything else; Detail has the words of the remote
)

var reasons = [...]string{
	Irregular:  "not a regular file",
	Dangling:   "a link that leads to nothing",
	LinkLoop:   "a link that leads to itself",
	TooLarge:   "too large",
	Unreadable: "no permission to read it",
	Unwritable: "no permission to write it",
	Attributes: "its owner, mode or other names would be lost",
	Edited:     "the block was edited",
	Unfinished: "the block lacks its first or last line",
	Several:    "more than one block",
	Needed:     "~/.ssh/rc sets it even so",
	Private:    "it leads to a live agent that is not sshd's",
	ReadOnly:   "the file system is read-only",
	Full:       "no space left",
	Quota:      "over quota",
	Denied:     "no permission to write in its directory",
	Busy:       "it kept changing",
	WriteError: "it could not be written",
}

func (r Reason) String() string { return name(reasons[:], int(r)) }

// A FileError is why one file was not written.
type FileError struct {
	Path   string // as in ~/.bashrc
	Reason Reason
	Detail string // what the remote said, printable ASCII, at most text.MaxASCII bytes, or empty
}

func (e *FileError) Error() string {
	s := e.Path + ": " + e.Reason.String()
	if e.Detail != "" {
		s += " (" + e.Detail + ")"
	}
	return s
}

// name returns the name of a value in a table that begins at 1.
func name(names []string, i int) string {
	if i < 1 || i >= len(names) {
		return strconv.Itoa(i)
	}
	return names[i]
}
