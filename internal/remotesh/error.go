package remotesh

import "github.com/mosha-ssh/mosha/internal/text"

// Kind tells what went wrong with a script as a whole, in words.
type Kind string

// The kinds of an Error.
const (
	NoShell     Kind = "no shell was started"          // the account has none, or a command is forced
	Noise       Kind = "start-up files print too much" // without end
	NoHome      Kind = "the home directory cannot be entered"
	NoTools     Kind = "a program is missing"  // one of POSIX; Detail names it
	Malformed   Kind = "a line makes no sense" // the script does not send it
	Ended       Kind = "the shell ended early" // before it was done
	Interrupted Kind = "interrupted"           // the context ended; Err has its cause
)

// An Error is the failure of a script as a whole.
type Error struct {
	Kind   Kind
	Detail string // what the remote said, printable ASCII, at most text.MaxASCII bytes, or empty
	Err    error  `json:"-"` // the cause on this side, or nil
}

func (e *Error) Error() string {
	s := "remote shell: " + string(e.Kind)
	if e.Detail != "" && e.Kind != Malformed { // a script's own words are for no person
		s += ": " + e.Detail
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Garbled returns the error for a line that the script does not send.
func Garbled[T string | []byte](line T) error {
	return &Error{Kind: Malformed, Detail: text.ASCII(line)}
}
