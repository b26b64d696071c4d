package transport

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/auth"
	"github.com/mosha-ssh/mosha/internal/sshconn/native"
	"github.com/mosha-ssh/mosha/internal/sshconn/openssh"
)

// Open connects to the destination and authenticates, over the transport that
// the options want. If they want none, it is the native one, unless the
// configuration or the server needs what only OpenSSH can do:
//
//	configuration --needs OpenSSH--------------------------> OpenSSH
//	     \--> native --connected, refused, no network------> the outcome
//	              \----lacks an algorithm or a method, or
//	                   does not understand the server-------> OpenSSH
//
// After a refused host key or a failed login, nothing is tried again. When ctx
// ends, Open returns ctx's cause at once. Other errors are those of native.Dial
// and openssh.Dial.
func Open(ctx context.Context, cfg *sshconfig.Config, opts sshconn.Options) (sshconn.Connection, error) {
	opts.Tell = unrepeated(opts.Tell)
	switch {
	case opts.Choice.Transport == sshconn.TransportNative && cfg.Front != "":
		return nil, &sshconn.UnsupportedError{Feature: sshconn.FeatureFront, Detail: cfg.Front}
	case opts.Choice.Transport == sshconn.TransportNative:
		return openNative(ctx, cfg, opts)
	case cfg.Front != "" && opts.Choice.Transport == sshconn.TransportAuto:
		opts.Choice = sshconn.Choice{Transport: sshconn.TransportOpenSSH, Reason: (&sshconn.UnsupportedError{Feature: sshconn.FeatureFront, Detail: cfg.Front}).Error()}
		return openssh.Dial(ctx, cfg, opts)
	case opts.Choice.Transport == sshconn.TransportOpenSSH:
		return openssh.Dial(ctx, cfg, opts)
	}
	if why := beyondNative(cfg, opts.Env); why != nil {
		return fallBack(ctx, cfg, opts, why)
	}
	opts.Alone = opts.Alone || opts.Master.Dir == ""
	seen, tell := newShown(), opts.Tell
	opts.Tell = seen.remember(tell)
	conn, err := native.Dial(ctx, cfg, opts)
	if err == nil {
		return conn, nil
	}
	if why := needsOpenSSH(cfg, err); why != nil && ctx.Err() == nil {
		opts.Tell = seen.leaveOut(tell)
		return fallBack(ctx, cfg, opts, why)
	}
	return nil, err
}

// unrepeated does not tell again what a program has said before, as in an
// attempt over the other transport.
func unrepeated(tell func(sshconn.Notice)) func(sshconn.Notice) {
	if tell == nil {
		return nil
	}
	var one sync.Mutex
	told := make(map[string]bool)
	return func(n sshconn.Notice) {
		one.Lock()
		defer one.Unlock()
		if n.Kind == sshconn.NoticeProgram {
			if told[n.Text] {
				return
			}
			told[n.Text] = true
		}
		tell(n)
	}
}

func openNative(ctx context.Context, cfg *sshconfig.Config, opts sshconn.Options) (sshconn.Connection, error) {
	opts.Alone = true
	conn, err := native.Dial(ctx, cfg, opts)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// fallBack connects over OpenSSH, because of what the native transport lacks.
func fallBack(ctx context.Context, cfg *sshconfig.Config, opts sshconn.Options, why error) (sshconn.Connection, error) {
	opts.Choice = sshconn.Choice{Transport: sshconn.TransportOpenSSH, Reason: reason(why)}
	opts.Log.Info().Str("reason", opts.Choice.Reason).AnErr("error", why).Msg("OpenSSH is to carry the connection")
	conn, err := openssh.Dial(ctx, cfg, opts)
	var master *sshconn.MasterError
	var path *sshconn.PathError
	if errors.As(err, &master) && master.Early || errors.As(err, &path) || errors.Is(err, openssh.ErrNoPlace) {
		opts.Log.Warn().Err(err).Msg("OpenSSH cannot carry it")
		return nil, why
	}
	return conn, err
}

// beyondNative returns what the configuration asks for that the native
// transport cannot do, nil if it asks for nothing of that kind.
func beyondNative(cfg *sshconfig.Config, env child.Env) error {
	if cfg.VerifyHostKeyDNS == "yes" {
		return &sshconn.UnsupportedError{Feature: sshconn.FeatureOption, Detail: "VerifyHostKeyDNS"}
	}
	return auth.Beyond(cfg, env)
}

// needsOpenSSH returns why OpenSSH may connect where the native transport has
// failed with err, nil if it would fail as well.
func needsOpenSSH(cfg *sshconfig.Config, err error) error {
	var unsupported *sshconn.UnsupportedError
	var algorithm *sshconn.AlgorithmError
	var protocol *sshconn.ProtocolError
	var disconnect *sshconn.DisconnectError
	switch {
	case errors.As(err, &unsupported):
		return unsupported
	case errors.As(err, &algorithm) && inOpenSSH(cfg, algorithm):
		return algorithm
	case errors.As(err, &protocol) && !protocol.Begun:
		return protocol
	case errors.As(err, &disconnect) && misunderstood(disconnect):
		return disconnect
	}
	return nil
}

// misunderstood reports whether the server disconnected, before the login, since
// it does not understand what the native transport says (RFC 4253, section 11.1:
// protocol error, key exchange failed, MAC error, protocol version not
// supported).
func misunderstood(e *sshconn.DisconnectError) bool {
	return slices.Contains([]int{2, 3, 5, 8}, e.Reason)
}

// reason is why OpenSSH was chosen, for a person: a library's words go to the
// log.
func reason(why error) string {
	var protocol *sshconn.ProtocolError
	var disconnect *sshconn.DisconnectError
	if errors.As(why, &protocol) || errors.As(why, &disconnect) {
		return "the native transport and the server do not understand each other"
	}
	return why.Error()
}

// inOpenSSH reports whether OpenSSH has the algorithm that was missing. ssh -G
// lists those that it has and that the user allows.
func inOpenSSH(cfg *sshconfig.Config, e *sshconn.AlgorithmError) bool {
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
