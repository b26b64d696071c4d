package transport

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

// authenticator logs in by OpenSSH's rules: its order of methods (methods.go),
// of keys (publickey.go), and what a person is asked and when (interactive.go,
// filekey.go).
//
//	prepare -> next -> a method, tried by x/crypto -> next ... -> let in
//	                 \-> nothing left, or an error: refused
//
// x/crypto asks for each method through ClientConfig.AuthCallback, and gets a
// key a call: a list of keys would end at the first that fails to sign.
type authenticator struct {
	ctx    context.Context
	cfg    *sshconfig.Config
	opts   sshconn.Options
	rest   func() (wake func()) // stops the server's clock while a key signs
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

	mu     sync.Mutex // close comes from other goroutines
	conn   net.Conn   // to the agent
	closed bool
}

func newAuthenticator(ctx context.Context, cfg *sshconfig.Config, opts sshconn.Options, rest func() (wake func())) *authenticator {
	a := &authenticator{ctx: ctx, cfg: cfg, opts: opts, rest: rest}
	a.person = prompter{ctx: ctx, prompt: opts.Prompt, tell: opts.Tell, pause: func() func() { return func() {} }}
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

// prepare asks the agent and puts the keys in order. bind is nil if the session
// cannot be proved to the agent.
func (a *authenticator) prepare(bind []byte) {
	a.prepared = true
	if a.cfg.PubkeyAuthentication {
		a.keys.prepare(bind)
	}
}

// distrust keeps what a person would type from a server whose key is not the
// known one, as ssh does.
func (a *authenticator) distrust() {
	for _, method := range []string{"password", "keyboard-interactive"} {
		a.opts.Log.Warn().Str("method", method).Msg("off, since the host key is not the known one")
		a.order.disable(method)
	}
}

// next returns the next method to try, nil when there is none. The error ends
// the attempt.
func (a *authenticator) next(attempt *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
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
func (a *authenticator) openSSH() *sshconn.UnsupportedError {
	if a.unread != "" && slices.Contains(a.offered, "publickey") {
		return &sshconn.UnsupportedError{Feature: sshconn.FeatureKeyFile, Detail: a.unread}
	}
	return openSSHMethod(a.cfg, a.opts.Env, a.offered)
}

// try returns what a method has to try now, nil if that is nothing.
func (a *authenticator) try(name string) ssh.AuthMethod {
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
func (a *authenticator) progress(partial int) {
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
func (a *authenticator) succeeded() {
	if a.current == "publickey" && len(a.tried) > 0 {
		a.identity = a.tried[len(a.tried)-1].Fingerprint
	}
}

// skip notes a key file that is not used, and tells the person unless OpenSSH may
// use it, which then says itself what it makes of it.
func (a *authenticator) skip(s sshconn.SkippedKey) {
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

// banner shows what the server wants to be read before the login, unless the
// configuration wants quiet (sshconnect2.c, input_userauth_banner).
func (a *authenticator) banner(message string) error {
	if !a.cfg.IsHushed() && message != "" {
		a.person.say(sshconn.Notice{Kind: sshconn.NoticeBanner, Text: message})
	}
	return nil
}

// failure is the error after all was tried, or after the server gave up.
func (a *authenticator) failure(disconnect string, cause error) error {
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

// typed says whether something that a person typed was used.
func (a *authenticator) typed() bool { return a.person.typed || a.keys.unlocked != "" }

// typedNote says what the next login will need of a person, if this one did.
func typedNote(cfg *sshconfig.Config, typed bool, file string) []sshconn.Note {
	if !typed {
		return nil
	}
	return []sshconn.Note{{Kind: sshconn.NoteTyped, Host: cfg.HostKeyName(), File: file}}
}

// isPasswordChange says whether x/crypto met a request to change the password
// (RFC 4252, section 8: SSH_MSG_USERAUTH_PASSWD_CHANGEREQ), which it does not
// know and tells by its number only.
func isPasswordChange(err error) bool {
	return err != nil && strings.Contains(err.Error(), "unexpected message type 60 ")
}

// keep holds the agent's connection until close. After close it is closed at
// once.
func (a *authenticator) keep(conn net.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		conn.Close()
	}
	a.conn = conn
}

// close frees a signature or list that waits for the agent.
func (a *authenticator) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	if a.conn != nil {
		a.conn.Close()
	}
}

// forget overwrites what was typed, once the attempt is over.
func (a *authenticator) forget() {
	a.passwords.done()
	a.rounds.done()
	a.keys.opened = nil
}
