package doctor

import (
	"context"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/text"
)

const (
	// signLimit is how long the agent may take for a signature: a person may
	// have to confirm it.
	signLimit = 30 * time.Second
	// waitingAfter is how long a person waits before they are told for what.
	waitingAfter = 3 * time.Second
)

// signature is what became of a request for one.
type signature struct {
	tried  bool
	signed bool
	key    string // its fingerprint
	said   string // what ssh-add said
	late   bool   // nobody answered in time
}

// withAgent forwards the agent, looks for it on the remote, and lets it sign
// there. before is the link as it was, which the probe puts back where no link
// holder looks after it.
func (e *examination) withAgent(before linkState) (seen agentSeen, sign signature, err error) {
	ctx, cancel := context.WithTimeout(e.ctx, probeLimit+signLimit)
	defer cancel()
	shell, err := e.shell(ctx, true)
	if err != nil {
		return seen, sign, err
	}
	limit := time.AfterFunc(probeLimit, func() { _ = shell.Close() })
	defer limit.Stop()
	held := ""
	if e.held {
		held = "yes"
	}
	p, err := startProbe(ctx, shell, "agent", append(e.up.Forwarding.Vars(), "before", before.text, "held", held)...)
	if err != nil {
		return seen, sign, err
	}
	defer p.end()
	if err := p.read(seen.take, &seen.done); err != nil {
		return seen, sign, err
	}
	limit.Stop()
	if key := signable(seen.keys); key != nil {
		sign = e.sign(ctx, p, key)
	}
	return seen, sign, nil
}

// signable returns the first key that nobody has to touch, nil if there is
// none.
func signable(lines []string) ssh.PublicKey {
	for _, line := range lines {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err == nil && !wantsTouch(key.Type()) {
			return key
		}
	}
	return nil
}

// sign lets ssh-add on the remote ask for a signature and verify it.
func (e *examination) sign(ctx context.Context, p *probe, key ssh.PublicKey) signature {
	s := signature{tried: true, key: ssh.FingerprintSHA256(key)}
	ctx, cancel := context.WithTimeout(ctx, signLimit)
	defer cancel()
	if e.options.Waiting != nil {
		defer time.AfterFunc(waitingAfter, func() { e.options.Waiting(s.key) }).Stop()
	}
	if p.say(strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))) != nil {
		return s
	}
	select {
	case l := <-p.listen():
		code, words, _ := strings.Cut(l.rest, " ")
		s.signed = l.err == nil && l.word == "signed" && code == "0"
		s.said = text.ASCII(words)
	case <-ctx.Done():
		s.late = true
	}
	return s
}
