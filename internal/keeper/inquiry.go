package keeper

import (
	"context"
	"errors"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// Inquiry is what a person is asked; one field is set.
type Inquiry struct {
	HostKey *Question       `json:"host_key,omitempty"` // answered with words
	Prompt  *sshconn.Prompt `json:"prompt,omitempty"`   // answered with what must not be seen
}

// Answers returns how many answers are wanted.
func (i *Inquiry) Answers() int {
	if i.Prompt != nil {
		return i.Prompt.Answers()
	}
	return 1
}

// Question is what the person is asked about an unknown host key.
type Question = sshconn.HostKeyQuestion

// Notice is what the person should see while the keeper connects.
type Notice = sshconn.Notice

// Person answers for a launcher.
type Person interface {
	// Answer returns as many answers as the inquiry wants, which the caller
	// overwrites. An error means that there is none. When ctx ends, the
	// question is void, and it returns at once.
	Answer(ctx context.Context, q Inquiry) ([][]byte, error)
	// Tell shows a notice.
	Tell(n Notice)
}

// ask is a question, or a notice, on its way to whoever is attached.
type ask struct {
	number   int
	inquiry  Inquiry
	notice   *Notice         // set: there is nothing to answer
	void     <-chan struct{} // closed when nobody waits for the answer
	answered chan answer
}

// errNobody says that the person who was asked did not answer.
var errNobody = errors.New("nobody answered the question")

// errLeft says that whoever was asked went away without a word: whoever comes
// next is asked anew.
var errLeft = errors.New("the launcher that was asked is gone")

// askHostKey is sshconn's Options.Ask.
func (k *Keeper) askHostKey(ctx context.Context, q Question) (string, error) {
	return k.askHostKeyOf(ctx, k.asks, q)
}

func (k *Keeper) askHostKeyOf(ctx context.Context, to chan<- ask, q Question) (string, error) {
	secrets, err := k.ask(ctx, to, Inquiry{HostKey: &q})
	if errors.Is(err, errNobody) {
		return "", sshconn.ErrNoAnswer
	}
	if err != nil {
		return "", err
	}
	return string(secrets[0]), nil
}

// prompt is sshconn's Options.Prompt. A person who does not answer is no
// reason not to try what else there is.
func (k *Keeper) prompt(ctx context.Context, p sshconn.Prompt) ([][]byte, error) {
	secrets, err := k.ask(ctx, k.asks, Inquiry{Prompt: &p})
	if errors.Is(err, errNobody) {
		return nil, sshconn.ErrNoAnswer
	}
	return secrets, err
}

// ask puts a question to whoever takes it, an attached launcher as a rule, and
// waits for the answer. Where that launcher leaves without one, the next is asked.
func (k *Keeper) ask(ctx context.Context, to chan<- ask, q Inquiry) ([][]byte, error) {
	for {
		number := 0
		k.update(func() { k.asked++; number = k.asked })
		a := ask{number: number, inquiry: q, void: ctx.Done(), answered: make(chan answer)}
		select {
		case to <- a:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		select {
		case got := <-a.answered:
			if got.OK && len(got.secrets) == q.Answers() {
				return got.secrets, nil
			}
			got.wipe()
			if !got.left {
				return nil, errNobody
			}
			if !k.canAsk() {
				return nil, errLeft
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// tellPatience is how long a notice waits for a launcher that takes it.
const tellPatience = time.Second

// tell shows a notice to an attached launcher.
func (k *Keeper) tell(ctx context.Context, n Notice) {
	patience := time.NewTimer(tellPatience)
	defer patience.Stop()
	select {
	case k.asks <- ask{notice: &n}:
	case <-patience.C:
	case <-ctx.Done():
	}
}

// canAsk says whether somebody else is attached than the launcher that leaves.
func (k *Keeper) canAsk() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.askable > 1
}

// deliver puts a question or a notice to the client and hands its answer on. An
// answer to an earlier question is overwritten.
func deliver(ctx context.Context, w *wire, a ask, calls <-chan call) error {
	if a.notice != nil {
		return w.send(reply{Tell: a.notice})
	}
	got := answer{left: true}
	defer func() {
		select {
		case a.answered <- got:
		case <-a.void:
			got.wipe()
		}
	}()
	w.asking.Store(int64(a.number))
	defer w.asking.Store(0)
	if err := w.send(reply{Ask: &a.inquiry, Number: a.number}); err != nil {
		return err
	}
	for {
		select {
		case c := <-calls:
			switch {
			case c.Answer == nil:
				return errUnknownCall
			case c.Answer.Number == a.number:
				got = *c.Answer
				return nil
			}
			c.Answer.wipe()
		case <-a.void:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
