package remotesh

import (
	"strconv"

	"github.com/mosha-ssh/mosha/internal/text"
)

// Kind tells what went wrong with a script as a whole.
type Kind int

// The kinds of an Error.
const (
	NoShell     Kind = iota + 1 // no shell ran: the account has none, or a command is forced
	Noise                       // start-up files print without end
	NoHome                      // the home directory cannot be entered
	NoTools                     // a program of POSIX is missing; Detail names it
	Malformed                   // a line that the script does not send
	Ended                       // the shell ended before it was done
	Interrupted                 // the context ended; Err has its cause
)

var kinds = [...]string{
	NoShell:     "no shell was started",
	Noise:       "start-up files print too much",
	NoHome:      "the home directory cannot be entered",
	NoTools:     "a program is missing",
	Malformed:   "a line makes no sense",
	Ended:       "the shell ended early",
	Interrupted: "interrupted",
}

func (k Kind) String() string {
	if k < 1 || int(k) >= len(kinds) {
		return strconv.Itoa(int(k))
	}
	return kinds[k]
}

// An Error is the failure of a script as a whole.
type Error struct {
	Kind   Kind
	Detail string // what the remote said, printable ASCII, at most text.MaxASCII bytes, or empty
	Err    error  `json:"-"` // the cause on this side, or nil
}

func (e *Error) Error() string {
	s := "remote shell: " + e.Kind.String()
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
