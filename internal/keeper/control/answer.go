package control

import (
	"encoding/json"
	"errors"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

const (
	// maxSecret is how long one answer may be, in bytes, as in ssh.
	maxSecret = 1023
	// maxSecrets is how many answers a question may want.
	maxSecrets = 32
)

// answer is a person's. What they typed follows the line of JSON as it is, so
// that every place where it was can be overwritten.
type answer struct {
	Number  int   `json:"number"`
	OK      bool  `json:"ok"`                // false: the person ended the question
	Lengths []int `json:"lengths,omitempty"` // of what follows, in bytes

	secrets [][]byte
}

// errTooLong reports that an answer is longer than any can be.
var errTooLong = errors.New("an answer is too long")

// send sends the answer in one piece, after which the peer may be gone at once,
// and overwrites it.
func (a *answer) send(w *wire) error {
	defer sshconn.Wipe(a.secrets)
	total := 0
	for _, secret := range a.secrets {
		a.Lengths = append(a.Lengths, len(secret))
		total += len(secret)
	}
	line, err := json.Marshal(Call{Version: protocolVersion, Op: opAnswer, Answer: a})
	if err != nil {
		return err
	}
	all := make([]byte, 0, len(line)+1+total)
	defer func() { clear(all[:cap(all)]) }()
	all = append(append(all, line...), '\n')
	for _, secret := range a.secrets {
		all = append(all, secret...)
	}
	if err := w.write(all); err != nil {
		return ErrGone
	}
	return nil
}

// receive reads what follows the line.
func (a *answer) receive(w *wire) error {
	if len(a.Lengths) > maxSecrets {
		return errTooLong
	}
	a.secrets = make([][]byte, 0, len(a.Lengths)) // not nil: an answer may be empty
	for _, length := range a.Lengths {
		if length < 0 || length > maxSecret {
			sshconn.Wipe(a.secrets)
			return errTooLong
		}
		buffered, err := w.in.Peek(length)
		if err != nil {
			clear(buffered)
			sshconn.Wipe(a.secrets)
			return err
		}
		a.secrets = append(a.secrets, append(make([]byte, 0, length), buffered...))
		clear(buffered)
		_, _ = w.in.Discard(length)
	}
	return nil
}
