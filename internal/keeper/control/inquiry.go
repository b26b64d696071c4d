package control

import (
	"context"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// Inquiry is what a person is asked; one field is set.
type Inquiry struct {
	HostKey *sshconn.HostKeyQuestion `json:"host_key,omitempty"` // answered with words
	Prompt  *sshconn.Prompt          `json:"prompt,omitempty"`   // answered with what must not be seen
}

// answers returns how many answers are wanted.
func (i *Inquiry) answers() int {
	if i.Prompt != nil {
		return i.Prompt.Answers()
	}
	return 1
}

// Person answers for a launcher.
type Person interface {
	// Answer returns as many answers as the inquiry wants, which the caller
	// overwrites. An error means that there is none. When ctx ends, the
	// question is void, and it returns at once.
	Answer(ctx context.Context, q Inquiry) ([][]byte, error)
	// Tell shows a notice.
	Tell(n sshconn.Notice)
}
