package bootstrap

// Reason says why a file was not written, in words.
type Reason string

// The reasons of a FileError. Up to Private they describe a file that is left
// as it is (Skipped), from ReadOnly on a write that failed (Failed).
const (
	Irregular  Reason = "not a regular file" // a directory, a FIFO or a device
	Dangling   Reason = "a link that leads to nothing"
	LinkLoop   Reason = "a link that leads to itself"
	TooLarge   Reason = "too large" // above 1 MiB
	Unreadable Reason = "no permission to read it"
	Unwritable Reason = "no permission to write it"                    // or it is immutable
	Attributes Reason = "its owner, mode or other names would be lost" // or its ACL
	Edited     Reason = "the block was edited"
	Unfinished Reason = "the block lacks its first or last line"
	Several    Reason = "more than one block"
	Needed     Reason = "~/.ssh/rc sets it even so"                   // the person's own lines in ~/.ssh/rc set the link
	Private    Reason = "it leads to a live agent that is not sshd's" // the link leads to an agent that no sshd forwards; Detail has where
	ReadOnly   Reason = "the file system is read-only"
	Full       Reason = "no space left"
	Quota      Reason = "over quota"
	Denied     Reason = "no permission to write in its directory"
	Busy       Reason = "it kept changing"
	WriteError Reason = "it could not be written" // anything else; Detail has the words of the remote
)

// A FileError is why one file was not written.
type FileError struct {
	Path   string // as in ~/.bashrc
	Reason Reason
	Detail string // what the remote said, printable ASCII, at most text.MaxASCII bytes, or empty
}

func (e *FileError) Error() string {
	s := e.Path + ": " + string(e.Reason)
	if e.Detail != "" {
		s += " (" + e.Detail + ")"
	}
	return s
}
