package sshconn

import (
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

// What carries a connection.
const (
	TransportAuto    = "auto"    // the native one, unless it cannot
	TransportNative  = "native"  // golang.org/x/crypto/ssh
	TransportOpenSSH = "openssh" // an ssh that is a ControlMaster
)

// Choice says which transport is to carry a connection, or carries it.
type Choice struct {
	Transport string // one of the Transport constants; of a connection never TransportAuto
	Reason    string // why OpenSSH was chosen automatically; "" otherwise
}

// Open connects to the destination and authenticates, over the transport that
// the options want. Where that is left open, it is the native one, unless the
// configuration or the server needs what that cannot do and OpenSSH can:
//
//	configuration --needs OpenSSH--------------------------> OpenSSH
//	     \--> native --connected, refused, no network------> the outcome
//	              \----lacks an algorithm or a method, or
//	                   does not understand the server-------> OpenSSH
//
// A host key that was refused, or an authentication that failed, is never tried
// again. When ctx ends, Open returns ctx's cause at once. Other errors are those
// of Dial, and *MasterError, *PathError or the system's where ssh cannot be had.
func Open(ctx context.Context, cfg *sshconfig.Config, opts Options) (Connection, error) {
	opts.Tell = unrepeated(opts.Tell)
	switch {
	case opts.Choice.Transport == TransportNative && cfg.Front != "":
		return nil, &UnsupportedError{Feature: FeatureFront, Detail: cfg.Front}
	case opts.Choice.Transport == TransportNative:
		return openNative(ctx, cfg, opts)
	case cfg.Front != "" && opts.Choice.Transport == TransportAuto:
		opts.Choice = Choice{Transport: TransportOpenSSH, Reason: (&UnsupportedError{Feature: FeatureFront, Detail: cfg.Front}).Error()}
		return openMaster(ctx, cfg, opts)
	case opts.Choice.Transport == TransportOpenSSH:
		return openMaster(ctx, cfg, opts)
	}
	if why := beyondNative(cfg); why != nil {
		return fallBack(ctx, cfg, opts, why)
	}
	opts.Alone = opts.Alone || opts.Master.Dir == ""
	seen, tell := newShown(), opts.Tell
	opts.Tell = seen.remember(tell)
	conn, err := Dial(ctx, cfg, opts)
	if err == nil {
		return conn, nil
	}
	if why := needsOpenSSH(cfg, err); why != nil && ctx.Err() == nil {
		opts.Tell = seen.leaveOut(tell)
		return fallBack(ctx, cfg, opts, why)
	}
	return nil, err
}

func openNative(ctx context.Context, cfg *sshconfig.Config, opts Options) (Connection, error) {
	opts.Alone = true
	conn, err := Dial(ctx, cfg, opts)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

func openMaster(ctx context.Context, cfg *sshconfig.Config, opts Options) (Connection, error) {
	conn, err := dialMaster(ctx, cfg, opts)
	if err != nil {
		return nil, err
	}
	conn.facts.Choice = opts.Choice
	return conn, nil
}

// fallBack connects over OpenSSH, because of what the native transport lacks.
func fallBack(ctx context.Context, cfg *sshconfig.Config, opts Options, why error) (Connection, error) {
	opts.Choice = Choice{Transport: TransportOpenSSH, Reason: reason(why)}
	opts.Log.Info().Str("reason", opts.Choice.Reason).AnErr("error", why).Msg("OpenSSH is to carry the connection")
	conn, err := openMaster(ctx, cfg, opts)
	var master *MasterError
	var path *PathError
	if errors.As(err, &master) && master.Early || errors.As(err, &path) || errors.Is(err, errNoPlace) {
		opts.Log.Warn().Err(err).Msg("OpenSSH cannot carry it")
		return nil, why
	}
	return conn, err
}

// beyondNative returns what the configuration asks for that the native
// transport cannot do, nil if it asks for nothing of that kind.
func beyondNative(cfg *sshconfig.Config) error {
	if cfg.VerifyHostKeyDNS == "yes" {
		return &UnsupportedError{Feature: FeatureHostKeyDNS, Detail: "VerifyHostKeyDNS"}
	}
	// The server may prove by Kerberos who it is, and no key of it need be known.
	if cfg.GSSAPIKeyExchange && hasTicket() {
		return &UnsupportedError{Feature: FeatureMethod, Detail: "GSSAPIKeyExchange"}
	}
	ours := func(method string) bool { return slices.Contains(nativeMethods, method) }
	if p := cfg.PreferredAuthentications; len(p) > 0 && !slices.ContainsFunc(p, ours) {
		return &UnsupportedError{Feature: FeatureMethod, Detail: strings.Join(p, ",")}
	}
	return nil
}

// nativeMethods are the authentication methods of the native transport.
var nativeMethods = []string{"publickey", "keyboard-interactive", "password"}

// delegation returns the method by which ssh logs in before it tries a key, if that
// brings the person's tickets along to the session; nil if it does not.
func delegation(cfg *sshconfig.Config, offered []string) *UnsupportedError {
	order := cfg.PreferredAuthentications
	if len(order) == 0 {
		order = openSSHOrder
	}
	const method = "gssapi-with-mic"
	at, key := slices.Index(order, method), slices.Index(order, "publickey")
	first := at >= 0 && (key < 0 || at < key)
	if cfg.GSSAPIAuthentication && cfg.GSSAPIDelegateCredentials && first && slices.Contains(offered, method) && hasTicket() {
		return &UnsupportedError{Feature: FeatureMethod, Detail: method}
	}
	return nil
}

// openSSHMethod returns a method that the server offers, that is configured and
// that may succeed, of those that only OpenSSH has; nil if there is none. In
// its order they come before what a person is asked for.
func openSSHMethod(cfg *sshconfig.Config, offered []string) *UnsupportedError {
	for _, method := range []struct {
		name    string
		enabled bool
	}{
		{"gssapi-with-mic", cfg.GSSAPIAuthentication && hasTicket()},
		{"hostbased", cfg.HostbasedAuthentication},
	} {
		preferred := len(cfg.PreferredAuthentications) == 0 || slices.Contains(cfg.PreferredAuthentications, method.name)
		if method.enabled && preferred && slices.Contains(offered, method.name) {
			return &UnsupportedError{Feature: FeatureMethod, Detail: method.name}
		}
	}
	return nil
}

// ticketTimeout bounds klist, which asks nobody.
const ticketTimeout = 2 * time.Second

// hasTicket says whether this user has a Kerberos ticket. GSSAPIAuthentication
// alone says little: some systems have it in everybody's configuration.
func hasTicket() bool {
	ctx, cancel := context.WithTimeout(context.Background(), ticketTimeout)
	defer cancel()
	return exec.CommandContext(ctx, "klist", "-s").Run() == nil
}

// needsOpenSSH returns why OpenSSH may connect where the native transport has
// failed with err, nil if it would fail as well.
func needsOpenSSH(cfg *sshconfig.Config, err error) error {
	var unsupported *UnsupportedError
	var algorithm *AlgorithmError
	var protocol *ProtocolError
	var disconnect *DisconnectError
	switch {
	case errors.As(err, &unsupported):
		return unsupported
	case errors.As(err, &algorithm) && inOpenSSH(cfg, algorithm):
		return algorithm
	case errors.As(err, &protocol) && !protocol.Begun:
		return protocol
	case errors.As(err, &disconnect) && disconnect.misunderstood():
		return disconnect
	}
	return nil
}

// reason is why OpenSSH was chosen, for a person: a library's words go to the
// log.
func reason(why error) string {
	var protocol *ProtocolError
	var disconnect *DisconnectError
	if errors.As(why, &protocol) || errors.As(why, &disconnect) {
		return "the native transport and the server do not understand each other"
	}
	return why.Error()
}

// inOpenSSH says whether OpenSSH has the algorithm that was missing. ssh -G
// lists those that it has and that the user allows.
func inOpenSSH(cfg *sshconfig.Config, e *AlgorithmError) bool {
	if len(e.Theirs) == 0 {
		return true // none of what the user allows is in the native transport
	}
	lists := map[string][]string{
		"key exchange": cfg.KexAlgorithms, "host key": cfg.HostKeyAlgorithms,
		"client to server cipher": cfg.Ciphers, "server to client cipher": cfg.Ciphers,
		"client to server MAC": cfg.MACs, "server to client MAC": cfg.MACs,
		"client to server compression": openSSHCompression, "server to client compression": openSSHCompression,
	}
	return slices.ContainsFunc(lists[e.What], func(name string) bool { return slices.Contains(e.Theirs, name) })
}

// openSSHCompression is what ssh offers, whatever is configured (kex.c,
// compression_alg_list).
var openSSHCompression = []string{"none", "zlib@openssh.com"}
