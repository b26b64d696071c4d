package auth

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// Beyond returns an *sshconn.UnsupportedError with the method of the
// configuration that only ssh has, and that comes before all of ours; nil if
// there is none.
func Beyond(cfg *sshconfig.Config, env child.Env) error {
	// The server may prove by Kerberos who it is, and no key of it need be known.
	if cfg.GSSAPIKeyExchange && hasTicket(env) {
		return &sshconn.UnsupportedError{Feature: sshconn.FeatureMethod, Detail: "GSSAPIKeyExchange"}
	}
	ours := func(method string) bool { return slices.Contains(ourMethods, method) }
	if p := cfg.PreferredAuthentications; len(p) > 0 && !slices.ContainsFunc(p, ours) {
		return &sshconn.UnsupportedError{Feature: sshconn.FeatureMethod, Detail: strings.Join(p, ",")}
	}
	return nil
}

// ourMethods are those of this package.
var ourMethods = []string{"publickey", "keyboard-interactive", "password"}

// delegation returns the method by which ssh logs in before it tries a key, if
// that brings the person's tickets along to the session; nil if it does not.
func delegation(cfg *sshconfig.Config, env child.Env, offered []string) *sshconn.UnsupportedError {
	order := cfg.PreferredAuthentications
	if len(order) == 0 {
		order = openSSHOrder
	}
	const method = "gssapi-with-mic"
	at, key := slices.Index(order, method), slices.Index(order, "publickey")
	first := at >= 0 && (key < 0 || at < key)
	if cfg.GSSAPIAuthentication && cfg.GSSAPIDelegateCredentials && first && slices.Contains(offered, method) && hasTicket(env) {
		return &sshconn.UnsupportedError{Feature: sshconn.FeatureMethod, Detail: method}
	}
	return nil
}

// opensshMethod returns a method that the server offers, that is configured and
// that may succeed, of those that only OpenSSH has; nil if there is none. In
// its order they come before what a person is asked for.
func opensshMethod(cfg *sshconfig.Config, env child.Env, offered []string) *sshconn.UnsupportedError {
	for _, method := range []struct {
		name    string
		enabled bool
	}{
		{"gssapi-with-mic", cfg.GSSAPIAuthentication && hasTicket(env)},
		{"hostbased", cfg.HostbasedAuthentication},
	} {
		preferred := len(cfg.PreferredAuthentications) == 0 || slices.Contains(cfg.PreferredAuthentications, method.name)
		if method.enabled && preferred && slices.Contains(offered, method.name) {
			return &sshconn.UnsupportedError{Feature: sshconn.FeatureMethod, Detail: method.name}
		}
	}
	return nil
}

// ticketTimeout bounds klist, which asks nobody.
const ticketTimeout = 2 * time.Second

// hasTicket reports whether this user has a Kerberos ticket. GSSAPIAuthentication
// alone says little: some systems have it in everybody's configuration.
func hasTicket(env child.Env) bool {
	ctx, cancel := context.WithTimeout(context.Background(), ticketTimeout)
	defer cancel()
	return env.Command(ctx, "klist", "-s").Run() == nil
}
