package auth

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/text"
)

// Login logs in by OpenSSH's rules: its order of methods (methods.go),
// of keys (publickey.go), and what a person is asked and when (interactive.go,
// filekey.go).
//
//	Prepare -> Next -> a method, tried by x/crypto -> Next ... -> let in
//	                 \-> nothing left, or an error: refused
//
// x/crypto asks for each method through ClientConfig.AuthCallback, and gets a
// key a call: a list of keys would end at the first that fails to sign.
type Login struct {
	ctx    context.Context
	cfg    *sshconfig.Config
	opts   sshconn.Options
	rest   func() (wake func())
	person prompter

	prepared  bool
	exhausted bool // nothing is left to try
	order     *methods
	keys      keyring
	passwords passwords
	rounds    rounds
	offered   []string // the methods that the server takes, as it said last
	current   string   // the method that is being tried
	partial   int      // how many methods were successful and not enough
	identity  string   // fingerprint of the key that was accepted last
	wanted    bool     // a person could have been asked, had there been one
	beyond    *sshconn.UnsupportedError
	unread    string // a key file of a kind that only OpenSSH may know

	agentProblem string // AuthError.Agent
	tried        []*sshconn.TriedKey
	skipped      []sshconn.SkippedKey

	mu     sync.Mutex // Close comes from other goroutines
	conn   net.Conn   // to the agent
	closed bool
}

// Clocks are stopped while something else is waited for than the server.
type Clocks struct {
	Pause func() (resume func()) // all of them, while a person is asked
	Rest  func() (wake func())   // that of the server's silence, while a key signs
}

// New returns a Login. What it asks a person ends with asking, all else with ctx.
func New(ctx, asking context.Context, cfg *sshconfig.Config, opts sshconn.Options, clocks Clocks) *Login {
	a := &Login{ctx: ctx, cfg: cfg, opts: opts, rest: clocks.Rest}
	a.person = prompter{ctx: asking, prompt: opts.Prompt, tell: opts.Tell, pause: clocks.Pause}
	if cfg.BatchMode {
		a.person.prompt = nil
	}
	a.keys.auth, a.passwords.auth, a.rounds.auth = a, a, a
	a.order = newMethods(cfg.PreferredAuthentications, map[string]bool{
		"publickey":            cfg.PubkeyAuthentication,
		"keyboard-interactive": cfg.KbdInteractive,
		"password":             cfg.PasswordAuthentication,
	})
	return a
}

// Prepared reports whether Prepare was called.
func (a *Login) Prepared() bool { return a.prepared }

// Prepare asks the agent and puts the keys in order. bind is the body of a
// session-bind (PROTOCOL.agent, section 1), nil if the session cannot be proved
// to the agent.
func (a *Login) Prepare(bind []byte) {
	a.prepared = true
	if a.cfg.PubkeyAuthentication {
		a.keys.prepare(bind)
	}
}

// Distrust keeps what a person would type from a server whose key is not the
// known one, as ssh does.
func (a *Login) Distrust() {
	for _, method := range []string{"password", "keyboard-interactive"} {
		a.opts.Log.Warn().Str("method", method).Msg("off, since the host key is not the known one")
		a.order.disable(method)
	}
}

// Next returns the next method to try, nil when there is none. The error ends
// the attempt.
func (a *Login) Next(attempt *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	a.offered = attempt.AllowedMethods
	a.progress(len(attempt.PartialSuccessMethods))
	if a.current == "" && a.beyond == nil && !a.opts.Alone {
		a.beyond = delegation(a.cfg, a.opts.Env, a.offered)
	}
	if a.beyond != nil && !a.opts.Alone {
		return nil, a.beyond
	}
	for a.person.refused == nil && !a.passwords.unanswered() {
		a.current = a.order.next(a.offered)
		if a.current != "publickey" && !a.opts.Alone {
			if a.beyond = a.openSSH(); a.beyond != nil {
				return nil, a.beyond
			}
		}
		if a.current == "" {
			break
		}
		if method := a.try(a.current); method != nil {
			a.opts.Log.Debug().Str("method", a.current).Msg("next authentication method")
			return method, nil
		}
		a.order.disable(a.current)
	}
	a.exhausted = true
	return nil, a.person.refused
}

// openSSH returns what OpenSSH may log in with, when all keys were tried and
// before a person is asked for more.
func (a *Login) openSSH() *sshconn.UnsupportedError {
	if a.unread != "" && slices.Contains(a.offered, "publickey") {
		return &sshconn.UnsupportedError{Feature: sshconn.FeatureKeyFile, Detail: a.unread}
	}
	return opensshMethod(a.cfg, a.opts.Env, a.offered)
}

// try returns what a method has to try now, nil if that is nothing.
func (a *Login) try(name string) ssh.AuthMethod {
	switch name {
	case "publickey":
		return a.keys.next()
	case "password":
		a.wanted = a.wanted || !a.person.there()
		return a.passwords.next()
	}
	a.wanted = a.wanted || !a.person.there()
	return a.rounds.next()
}

// progress notes that the server wants another method after the one that was
// successful. All keys may be tried again then (sshconnect2.c, pubkey_reset).
func (a *Login) progress(partial int) {
	if partial == a.partial {
		return
	}
	a.partial = partial
	a.opts.Log.Debug().Str("method", a.current).Msg("the server wants one more method")
	a.succeeded()
	a.passwords.done()
	a.keys.reset()
}

// succeeded notes what let us in, as far as it did.
func (a *Login) succeeded() {
	if a.current == "publickey" && len(a.tried) > 0 {
		a.identity = a.tried[len(a.tried)-1].Fingerprint
	}
}

// skip notes a key file that is not used, and tells the person unless OpenSSH may
// use it, which then says itself what it makes of it.
func (a *Login) skip(s sshconn.SkippedKey) {
	if slices.Contains(a.skipped, s) {
		return
	}
	a.opts.Log.Debug().Str("file", s.File).Str("reason", s.Reason).Str("detail", s.Detail).Msg("identity skipped")
	a.skipped = append(a.skipped, s)
	if !a.opts.Alone && a.unread == text.Clean(s.File) {
		return
	}
	if !a.cfg.IsMute() && (s.Reason == sshconn.SkipUnreadable || s.Reason == sshconn.SkipPermissions) {
		a.person.say(sshconn.Notice{Kind: sshconn.NoticeSkipped, File: s.File, Reason: s.Reason, Text: s.Detail})
	}
}

// Banner shows what the server wants to be read before the login, unless the
// configuration wants quiet (sshconnect2.c, input_userauth_banner).
func (a *Login) Banner(message string) error {
	if !a.cfg.IsHushed() && message != "" {
		a.person.say(sshconn.Notice{Kind: sshconn.NoticeBanner, Text: message})
	}
	return nil
}

// Explain returns why the login failed where that is known here: what the person
// said, or that nothing is left to try.
func (a *Login) Explain(cause error) error {
	switch {
	case a.person.refused != nil:
		return a.person.refused
	case a.exhausted:
		return a.Failure("", cause)
	}
	return nil
}

// Begun reports whether a method was tried.
func (a *Login) Begun() bool { return a.current != "" }

// Failure is the error after all was tried, or after the server gave up.
func (a *Login) Failure(disconnect string, cause error) error {
	e := &sshconn.AuthError{
		User: a.cfg.User, Host: a.cfg.HostName, Methods: sshconn.Few(a.offered),
		Skipped: a.skipped, Agent: a.agentProblem, Disconnect: disconnect,
		Interactive: (a.wanted || a.person.unasked) && !a.cfg.BatchMode, Typed: a.typed(), Expired: isPasswordChange(cause),
	}
	for _, key := range a.tried {
		e.Tried = append(e.Tried, *key)
	}
	return e
}

// typed reports whether something that a person typed was used.
func (a *Login) typed() bool { return a.person.typed || a.keys.unlocked != "" }

// Entry is how the server let us in.
type Entry struct {
	Identity string // fingerprint of the key, "" if it was none
	Typed    bool   // something that a person typed was used
	Unlocked string // the key file whose passphrase that was, if the agent did not get the key
}

// Entry returns how the server has let us in.
func (a *Login) Entry() Entry {
	a.succeeded()
	return Entry{Identity: a.identity, Typed: a.typed(), Unlocked: a.keys.unlocked}
}

// isPasswordChange reports whether x/crypto met a request to change the password
// (RFC 4252, section 8: SSH_MSG_USERAUTH_PASSWD_CHANGEREQ), which it does not
// know and tells by its number only.
func isPasswordChange(err error) bool {
	return err != nil && strings.Contains(err.Error(), "unexpected message type 60 ")
}

// Forget overwrites what was typed, once the attempt is over.
func (a *Login) Forget() {
	a.passwords.done()
	a.rounds.done()
	a.keys.opened = nil
}
