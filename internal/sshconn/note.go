package sshconn

import "github.com/mosha-ssh/mosha/internal/sshconfig"

// Kinds of Note.
const (
	NoteAdded    = "added"     // the host key is now in File
	NoteNotAdded = "not added" // it could not be added to File, see Reason
	NoteChanged  = "changed"   // the host key is not the one in File, and was let pass
	NoteTyped    = "typed"     // a person had to type something, the passphrase of File or if that is "" something else, and will have to again
)

// Note is what ssh would write to stderr while it connects.
type Note struct {
	Kind    string
	Host    string // as in known_hosts
	KeyType string
	File    string
	Line    int // NoteChanged
	Reason  string
}

// TypedNotes says what the next login will need of a person, if this one did: the
// passphrase of file or, if that is "", something else.
func TypedNotes(cfg *sshconfig.Config, typed bool, file string) []Note {
	if !typed {
		return nil
	}
	return []Note{{Kind: NoteTyped, Host: cfg.HostKeyName(), File: file}}
}
