package keeper

import (
	"context"
	"errors"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// ask is a question, or a notice, on its way to whoever is attached.
type ask struct {
	inquiry  control.Inquiry
	notice   *sshconn.Notice // set: there is nothing to answer
	void     <-chan struct{} // closed when nobody waits for the answer
	answered chan answer
}

// answer is a launcher's to a question: secrets, none if its person gave none,
// or an error if it went away.
type answer struct {
	secrets [][]byte
	err     error
}

// errNobody reports that the person who was asked did not answer.
var errNobody = errors.New("nobody answered the question")

// errLeft reports that the launcher that was asked went away without a word: the
// next to come is asked anew.
var errLeft = errors.New("the launcher that was asked is gone")

// questions are on their way to whoever takes them: an attached launcher, as a
// rule.
type questions struct {
	asks   chan ask
	others func() bool // reports whether somebody else can be asked when one leaves
}

// hostKey is sshconn's Options.Ask.
func (q questions) hostKey(ctx context.Context, about sshconn.HostKeyQuestion) (string, error) {
	secrets, err := q.ask(ctx, control.Inquiry{HostKey: &about})
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
func (q questions) prompt(ctx context.Context, p sshconn.Prompt) ([][]byte, error) {
	secrets, err := q.ask(ctx, control.Inquiry{Prompt: &p})
	if errors.Is(err, errNobody) {
		return nil, sshconn.ErrNoAnswer
	}
	return secrets, err
}

// ask puts a question and waits for the answer. Where the launcher that took it
// leaves without one, the next is asked.
func (q questions) ask(ctx context.Context, about control.Inquiry) ([][]byte, error) {
	for {
		a := ask{inquiry: about, void: ctx.Done(), answered: make(chan answer)}
		select {
		case q.asks <- a:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		select {
		case got := <-a.answered:
			switch {
			case got.secrets != nil:
				return got.secrets, nil
			case got.err == nil:
				return nil, errNobody
			case !q.others():
				return nil, errLeft
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// tellPatience is how long a notice waits for a launcher that takes it.
const tellPatience = time.Second

// tell shows a notice.
func (q questions) tell(ctx context.Context, n sshconn.Notice) {
	patience := time.NewTimer(tellPatience)
	defer patience.Stop()
	select {
	case q.asks <- ask{notice: &n}:
	case <-patience.C:
	case <-ctx.Done():
	}
}

// canAsk reports whether somebody else is attached than the launcher that leaves.
func (k *Keeper) canAsk() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.clients.askable > 1
}

// deliver puts a question or a notice to the client and hands its answer on.
func deliver(ctx context.Context, c *control.Conversation, a ask) error {
	if a.notice != nil {
		return c.Tell(*a.notice)
	}
	secrets, err := c.Ask(ctx, a.inquiry, a.void)
	select {
	case a.answered <- answer{secrets, err}:
	case <-a.void:
		sshconn.Wipe(secrets)
	}
	return err
}
