package auth

import (
	"errors"
	"unsafe"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// errTooMuch ends a method whose server asks without end.
var errTooMuch = errors.New("the server asks too much")

// passwords is the method "password" (RFC 4252, section 8).
type passwords struct {
	auth  *Login
	asked int
	// sent reports that the last password went to the server and nothing came
	// back yet that x/crypto understands.
	sent bool
	held [][]byte // what was typed last
}

// next returns the method, nil when it was tried often enough.
func (p *passwords) next() ssh.AuthMethod {
	if p.asked >= p.auth.cfg.NumberOfPasswordPrompts || !p.auth.person.there() {
		return nil
	}
	return ssh.RetryableAuthMethod(ssh.PasswordCallback(p.ask), p.auth.cfg.NumberOfPasswordPrompts-p.asked)
}

// ask is called again when the server refused what it returned before.
func (p *passwords) ask() (string, error) {
	p.done()
	p.asked++
	answers, err := p.auth.person.ask(sshconn.Prompt{
		Kind: sshconn.PromptPassword, User: p.auth.cfg.User, Host: p.auth.cfg.HostKeyName(), Again: p.asked > 1,
	})
	if err != nil {
		p.asked = p.auth.cfg.NumberOfPasswordPrompts
		return "", err
	}
	p.auth.person.typed = true
	p.held, p.sent = answers, true
	return borrowed(answers[0]), nil
}

// unanswered reports that the server met the last password with something else
// than yes or no.
func (p *passwords) unanswered() bool {
	return p.sent && p.asked < p.auth.cfg.NumberOfPasswordPrompts
}

// done overwrites what was typed: the server has had it.
func (p *passwords) done() {
	sshconn.Wipe(p.held)
	p.held, p.sent = nil, false
}

// rounds is the method "keyboard-interactive" (RFC 4256).
type rounds struct {
	auth  *Login
	asked int  // attempts
	heard bool // a request for information came
	total int  // rounds
	held  [][]byte
}

// next returns the method, nil when it was tried often enough, or when the
// server has nothing to ask (sshconnect2.c, userauth_kbdint).
func (r *rounds) next() ssh.AuthMethod {
	r.done()
	if r.asked >= r.auth.cfg.NumberOfPasswordPrompts || r.asked > 0 && !r.heard || !r.auth.person.there() {
		return nil
	}
	r.asked++
	return ssh.KeyboardInteractive(r.ask)
}

// ask puts one round to the person.
func (r *rounds) ask(name, instruction string, questions []string, echos []bool) ([]string, error) {
	r.done()
	r.heard = true
	r.total++
	if r.total > maxRounds || len(questions) > maxFields {
		return nil, r.tooMuch()
	}
	if len(questions) == 0 && name == "" && instruction == "" {
		return nil, nil
	}
	q := sshconn.Prompt{
		Kind: sshconn.PromptRound, User: r.auth.cfg.User, Host: r.auth.cfg.HostKeyName(),
		Name: sshconn.Bounded(name), Instruction: sshconn.Bounded(instruction),
	}
	for i, text := range questions {
		q.Fields = append(q.Fields, sshconn.PromptField{Text: sshconn.Bounded(text), Echo: echos[i]})
	}
	if size(&q) > maxRound {
		return nil, r.tooMuch()
	}
	answers, err := r.auth.person.ask(q)
	if err != nil {
		r.asked = r.auth.cfg.NumberOfPasswordPrompts
		return nil, err
	}
	r.auth.person.typed = r.auth.person.typed || len(answers) > 0
	r.held = answers
	texts := make([]string, len(answers))
	for i, answer := range answers {
		texts[i] = borrowed(answer)
	}
	return texts, nil
}

// tooMuch ends this method: no honest server asks that much.
func (r *rounds) tooMuch() error {
	r.asked = r.auth.cfg.NumberOfPasswordPrompts
	return errTooMuch
}

// done overwrites what was typed.
func (r *rounds) done() {
	sshconn.Wipe(r.held)
	r.held = nil
}

// borrowed makes a string of what was typed without a copy, so that it is
// overwritten with it. x/crypto keeps none beyond the packet that it sends.
func borrowed(secret []byte) string {
	if len(secret) == 0 {
		return ""
	}
	return unsafe.String(&secret[0], len(secret))
}
