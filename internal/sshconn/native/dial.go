package native

import (
	"context"
	"net"
	"slices"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/attempt"
	"github.com/mosha-ssh/mosha/internal/sshconn/auth"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey"
)

const clientVersion = "SSH-2.0-mosha"

// Dial connects to the destination and authenticates. When ctx ends, it returns
// ctx's cause at once. Other errors are those of sshconn, that of sshconfig for a
// malformed ProxyJump, and what Ask returned.
func Dial(ctx context.Context, cfg *sshconfig.Config, opts sshconn.Options) (*Conn, error) {
	d := &dialer{Attempt: attempt.New(cfg, opts, false)}
	conn, err := d.dial(ctx)
	if ctx.Err() != nil {
		if conn != nil {
			conn.Close()
		}
		return nil, context.Cause(ctx)
	}
	return conn, err
}

// dialer is the state of one Dial.
type dialer struct {
	*attempt.Attempt
	keys *hostkey.Verifier
	auth *auth.Login
}

func (d *dialer) dial(ctx context.Context) (*Conn, error) {
	algos, err := choose(d.Config)
	if err != nil {
		return nil, err
	}
	if why := hostkey.Beyond(d.Config); why != nil {
		return nil, why
	}
	if d.Config.PKCS11Provider != "" && d.Config.PubkeyAuthentication && !d.Options.Alone {
		return nil, &sshconn.UnsupportedError{Feature: sshconn.FeaturePKCS11, Detail: d.Config.PKCS11Provider}
	}
	if err := d.Connect(ctx); err != nil {
		return nil, err
	}
	defer d.Leave()
	asking, lost := context.WithCancel(ctx)
	defer lost()
	d.keys = hostkey.New(ctx, d.Config, d.Options)
	if d.Config.VerifyHostKeyDNS != "no" {
		d.Options.Log.Info().Msg("VerifyHostKeyDNS is passed over") // yes is for OpenSSH, see Open
	}
	d.auth = auth.New(ctx, asking, d.Config, d.Options, auth.Clocks{Pause: d.Pause, Rest: d.Rest})
	defer d.auth.Forget()
	defer d.auth.Close()
	d.OnAbort(d.auth.Close)
	if algos.hostKeys, err = d.keys.Algorithms(algos.hostKeys); err != nil {
		d.Stream.Close()
		return nil, err
	}
	defer d.Handshake(ctx)()
	d.Listen(attempt.Traffic{Lost: lost})
	conn, channels, requests, err := ssh.NewClientConn(d.Stream, d.Config.HostName, d.clientConfig(algos))
	if err != nil {
		err = d.explain(ctx, err)
		d.Stream.Close()
		return nil, err
	}
	c := d.result(conn, channels, requests)
	if err := d.updateFirst(c); err != nil {
		c.Close()
		go c.Serve(func(offer sshconn.AgentOffer) { offer.Refuse(ssh.Prohibited) }, refuseChannel) // what had come by then
		return nil, err
	}
	return c, nil
}

func (d *dialer) clientConfig(algos algorithms) *ssh.ClientConfig {
	algos.RekeyThreshold = d.Config.RekeyBytes
	return &ssh.ClientConfig{
		Config:            algos.Config,
		User:              d.Config.User,
		ClientVersion:     clientVersion,
		HostKeyAlgorithms: algos.hostKeys,
		HostKeyCallback:   d.hostKey,
		AuthCallback:      d.authenticate,
		BannerCallback:    d.auth.Banner,
	}
}

// hostKey runs in the first key exchange, and again in each rekey.
func (d *dialer) hostKey(_ string, _ net.Addr, key ssh.PublicKey) error {
	check := func() error { return d.keys.Check(d.Stream.Remote(), key) }
	if d.keys.Pinned() != nil {
		return check()
	}
	return d.Judge(check)
}

// authenticate supplies the next method. Before the first one it binds the agent
// to the connection.
func (d *dialer) authenticate(attempt *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	defer d.Rest()()
	if !d.auth.Prepared() {
		if d.keys.Verdict().Unverified {
			d.auth.Distrust()
		}
		d.warnWeak()
		d.auth.Prepare(d.Stream.Bind(d.keys.Pinned(), attempt.Metadata.SessionID()).Contents(false))
	}
	return d.auth.Next(attempt)
}

// weakWords are ssh's (sshconnect.c, warn_nonpq_kex).
const weakWords = `** WARNING: connection is not using a post-quantum key exchange algorithm.
** This session may be vulnerable to "store now, decrypt later" attacks.
** The server may need to be upgraded. See https://openssh.com/pq.html
`

// warnWeak warns as ssh would. ssh does not warn a user who has set
// KexAlgorithms, which shows here only if none of them is post-quantum. A
// server that offers one, though not one of the native transport's, needs no
// upgrade.
func (d *dialer) warnWeak() {
	if d.Config.WarnWeakCrypto && slices.ContainsFunc(d.Config.KexAlgorithms, attempt.IsQuantum) && !d.Stream.Seen().Quantum {
		_ = d.auth.Banner(weakWords) // it never fails
	}
}

func (d *dialer) result(conn ssh.Conn, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) *Conn {
	entry := d.auth.Entry()
	f, key, verdict := d.Done(), d.keys.Pinned(), d.keys.Verdict()
	f.Identity, f.Typed = entry.Identity, f.Typed || entry.Typed
	f.HostKey, f.Accepted, f.Unverified = key, verdict.Accepted, verdict.Unverified
	f.Notes = append(verdict.Notes, sshconn.TypedNotes(d.Config, f.Typed, entry.Unlocked)...)
	f.Choice.Transport = sshconn.TransportNative
	c := &Conn{Conn: conn, NewChannels: channels, Requests: requests, facts: f, stream: d.Stream, updater: d.keys.Updater(conn), binding: d.Stream.Bind(key, conn.SessionID())}
	if c.updater == nil {
		d.Options.Log.Debug().Msg("no offer of host keys is looked at")
	}
	if c.binding == nil {
		d.Options.Log.Warn().Msg("the server's signature was not found: no session-bind")
	}
	return c
}

func refuseChannel(offered ssh.NewChannel) { _ = offered.Reject(ssh.Prohibited, "") }
