package transport

import (
	"cmp"
	"context"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey"
	"github.com/mosha-ssh/mosha/internal/sshconn/proxy"
)

const (
	// defaultTimeout is for an absent ConnectTimeout: for the TCP connect and,
	// where nobody is there, for all up to the host key, unless the server may
	// be silent for longer.
	defaultTimeout = 10 * time.Second
	// proxyTimeout is for an absent ConnectTimeout where a proxy has its own way
	// to go: it may wake a machine, or a person may have to touch a key for a hop.
	proxyTimeout = time.Minute
	// authTimeout bounds authentication, in which a person may have to touch a
	// key or confirm at the agent. It is sshd's default LoginGraceTime. It is
	// also how long a person waits for a server that is slow to say anything,
	// since ssh has no limit there.
	authTimeout = 2 * time.Minute

	clientVersion = "SSH-2.0-mosha"
)

// Dial connects to the destination and authenticates. When ctx ends, it returns
// ctx's cause at once. Other errors are the types of this package, *sshconfig's
// for a malformed ProxyJump, and what Ask returned.
func Dial(ctx context.Context, cfg *sshconfig.Config, opts sshconn.Options) (*Conn, error) {
	d := newDialer(cfg, opts, false)
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
	cfg      *sshconfig.Config
	opts     sshconn.Options
	itself   bool // ssh makes the connection, see masterfront.go
	limit    time.Duration
	deadline time.Time // of everything up to the host key
	began    time.Time
	waited   atomic.Int64 // how long questions of hops were open
	reached  atomic.Int64 // how long the server took for its version line, without that

	proxy     *proxy.Process // nil for TCP, and where it has handed over the connection
	transport *transport
	watch     *watch
	silence   *silence

	keys *hostkey.Verifier
	auth *authenticator // of the native transport

	lostWhileAsking func() // ends the question that is open

	process *sshProcess           // of the OpenSSH transport
	fetched atomic.Bool           // it has come for the connection
	left    atomic.Bool           // the host key is one of which only ssh can tell whether it is right
	entered atomic.Bool           // one that makes its connection itself has logged in
	refused atomic.Pointer[error] // why the server's host key did not get to it
}

// newDialer makes one. itself says that an ssh makes the connection itself.
func newDialer(cfg *sshconfig.Config, opts sshconn.Options, itself bool) *dialer {
	opts.Tell = oneByOne(opts.Tell)
	d := &dialer{cfg: cfg, opts: opts, itself: itself, limit: cfg.ConnectTimeout}
	if d.limit <= 0 || itself { // ssh itself has ConnectTimeout then
		d.limit = max(d.limit, d.patience())
	}
	d.began = time.Now()
	d.deadline = d.began.Add(d.limit)
	d.silence = newSilence(opts.Limits.Silence, d.abort)
	return d
}

// patience is what stands for an absent ConnectTimeout.
func (d *dialer) patience() time.Duration {
	if !d.proxied() {
		return max(defaultTimeout, d.opts.Limits.Silence)
	}
	return cmp.Or(d.opts.Limits.Proxy, proxyTimeout)
}

// proxied says whether a proxy leads to the server, or may: what ssh is run by may
// have one.
func (d *dialer) proxied() bool {
	return d.cfg.HasProxy() || d.itself
}

func (d *dialer) dial(ctx context.Context) (*Conn, error) {
	algos, err := choose(d.cfg)
	if err != nil {
		return nil, err
	}
	if why := hostkey.Beyond(d.cfg); why != nil {
		return nil, why
	}
	if d.cfg.PKCS11Provider != "" && d.cfg.PubkeyAuthentication && !d.opts.Alone {
		return nil, &sshconn.UnsupportedError{Feature: sshconn.FeaturePKCS11, Detail: d.cfg.PKCS11Provider}
	}
	d.begin(sshconn.PhaseConnect)
	raw, err := d.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer d.proxy.Leave()
	d.transport = newTransport(raw)
	d.keys = hostkey.New(ctx, d.cfg, d.opts)
	if d.cfg.VerifyHostKeyDNS != "no" {
		d.opts.Log.Info().Msg("VerifyHostKeyDNS is passed over") // yes is for OpenSSH, see Open
	}
	d.auth = newAuthenticator(ctx, d.cfg, d.opts, d.silence)
	defer d.auth.forget()
	defer d.auth.close()
	d.watch = newWatch(d.abort)
	asking, lost := context.WithCancel(ctx)
	defer lost()
	d.auth.person.ctx, d.auth.person.pause = asking, d.pause
	d.lostWhileAsking = lost
	stop := context.AfterFunc(ctx, d.abort)
	defer stop()
	if algos.hostKeys, err = d.keys.Algorithms(algos.hostKeys); err != nil {
		d.transport.Close()
		return nil, err
	}
	d.watch.start(time.Until(d.deadline), d.limit)
	defer d.watch.stop()
	defer d.proxy.Serve(ctx)()
	defer d.silence.end()
	d.begin(sshconn.PhaseBanner)
	d.listen()
	defer d.transport.observe(observer{})
	conn, channels, requests, err := ssh.NewClientConn(d.transport, d.cfg.HostName, d.clientConfig(algos))
	if err != nil {
		err = d.explain(ctx, err)
		d.transport.Close()
		return nil, err
	}
	c := d.result(conn, channels, requests)
	if err := d.updateFirst(c); err != nil {
		c.Close()
		go c.Serve(func(offer sshconn.AgentOffer) { offer.Refuse(ssh.Prohibited) }) // what had come by then
		return nil, err
	}
	return c, nil
}

// proxyTook is how long the server took, over a proxy, for its version line; 0
// without a proxy.
func (d *dialer) proxyTook() time.Duration {
	if !d.proxied() {
		return 0
	}
	return time.Duration(d.reached.Load())
}

// begin reports a phase.
func (d *dialer) begin(phase string) {
	if phase == sshconn.PhaseKex {
		d.reached.Store(int64(time.Since(d.began)) - d.waited.Load())
	}
	if d.opts.Progress != nil {
		d.opts.Progress(phase)
	}
}

// listen watches the traffic for silence and for the version line.
func (d *dialer) listen() {
	d.transport.observe(observer{
		wrote:  d.silence.restart,
		heard:  func() { d.silence.begin(); d.silence.restart() },
		banner: func() { d.begin(sshconn.PhaseKex) },
		lost:   d.lostWhileAsking,
	})
	if d.proxy == nil {
		d.silence.begin()
	}
}

// pause stops all clocks while a person is asked, until resume is called.
func (d *dialer) pause() (resume func()) {
	d.watch.stop()
	d.silence.rest()
	return func() {
		d.watch.start(authTimeout, authTimeout)
		d.silence.wake()
	}
}

// pauseFor stops the time for what a person is asked by a program, until resume
// is called. The other side then has the limit again.
func (d *dialer) pauseFor(limit time.Duration) (resume func()) {
	d.watch.stop()
	began := time.Now()
	return func() {
		d.waited.Add(int64(time.Since(began)))
		d.watch.start(limit, limit)
	}
}

// abort frees whatever waits for the server or for the agent.
func (d *dialer) abort() {
	d.transport.Close()
	if d.auth != nil {
		d.auth.close()
	}
	if d.process != nil {
		d.process.end()
	}
}

// connect opens the byte stream that SSH is to run over.
func (d *dialer) connect(ctx context.Context) (net.Conn, error) {
	p, conn, err := proxy.Start(ctx, d.cfg, &d.opts, proxy.Clocks{
		Deadline: d.deadline,
		Pause:    func() (resume func()) { return d.pauseFor(d.limit) },
		Fail:     d.abort,
	})
	d.proxy = p
	if conn != nil || err != nil {
		return conn, d.inTime(err, d.limit)
	}
	conn, err = d.direct(ctx)
	if err != nil {
		return nil, err
	}
	if d.opts.Local != nil {
		d.opts.Local(conn.LocalAddr())
	}
	return conn, nil
}

func (d *dialer) clientConfig(algos algorithms) *ssh.ClientConfig {
	algos.RekeyThreshold = d.cfg.RekeyBytes
	return &ssh.ClientConfig{
		Config:            algos.Config,
		User:              d.cfg.User,
		ClientVersion:     clientVersion,
		HostKeyAlgorithms: algos.hostKeys,
		HostKeyCallback:   d.hostKey,
		AuthCallback:      d.authenticate,
		BannerCallback:    d.auth.banner,
	}
}

// hostKey runs in the first key exchange, and again in each rekey. No clock
// runs while a person may be asked.
func (d *dialer) hostKey(_ string, _ net.Addr, key ssh.PublicKey) error {
	if d.keys.Pinned() != nil {
		return d.keys.Check(d.transport.remote(), key)
	}
	d.watch.stop()
	d.silence.rest()
	if err := d.keys.Check(d.transport.remote(), key); err != nil {
		return err
	}
	d.begin(sshconn.PhaseAuth)
	d.watch.start(authTimeout, authTimeout)
	d.silence.wake()
	return nil
}

// authenticate supplies the next method, and before the first one binds the agent to
// the connection.
func (d *dialer) authenticate(attempt *ssh.ClientAuthContext) (ssh.AuthMethod, error) {
	d.silence.rest()
	defer d.silence.wake()
	if !d.auth.prepared {
		if d.keys.Verdict().Unverified {
			d.auth.distrust()
		}
		d.warnWeak()
		d.auth.prepare(d.binding(attempt.Metadata.SessionID()))
	}
	return d.auth.next(attempt)
}

// weakWords are ssh's (sshconnect.c, warn_nonpq_kex).
const weakWords = `** WARNING: connection is not using a post-quantum key exchange algorithm.
** This session may be vulnerable to "store now, decrypt later" attacks.
** The server may need to be upgraded. See https://openssh.com/pq.html
`

// warnWeak warns as ssh would, which does not where the user has set
// KexAlgorithms; that cannot be told from a default, but by what is not in it.
// A server that only lacks what the native transport has is none to be upgraded.
func (d *dialer) warnWeak() {
	if d.cfg.WarnWeakCrypto && slices.ContainsFunc(d.cfg.KexAlgorithms, isQuantum) && !d.transport.quantum() && !d.cfg.IsHushed() {
		d.auth.person.say(sshconn.Notice{Kind: sshconn.NoticeBanner, Text: weakWords})
	}
}

func (d *dialer) binding(sessionID []byte) *binding {
	_, found, reply := d.transport.seen()
	if !found {
		return nil
	}
	return newBinding(reply, d.keys.Pinned(), sessionID)
}

func (d *dialer) result(conn ssh.Conn, channels <-chan ssh.NewChannel, requests <-chan *ssh.Request) *Conn {
	d.auth.succeeded()
	c := &Conn{Conn: conn, Identity: d.auth.identity, Typed: d.auth.typed() || d.proxy.Typed(), NewChannels: channels, Requests: requests, transport: d.transport, binding: d.binding(conn.SessionID())}
	verdict := d.keys.Verdict()
	c.hostKey, c.judged = d.keys.Pinned(), d.cfg
	c.Notes, c.Accepted, c.Unverified = append(verdict.Notes, typedNote(d.cfg, c.Typed, d.auth.keys.unlocked)...), verdict.Accepted, verdict.Unverified
	c.updater = d.keys.Updater(conn)
	d.silence.end()
	c.Remote, c.proxied, c.silent = d.transport.remote(), d.proxyTook(), d.silence.slowest()
	if c.binding == nil {
		d.opts.Log.Warn().Msg("the server's signature was not found: no session-bind")
	}
	return c
}
