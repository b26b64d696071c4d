package sshconn

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

// Options are what an attempt needs beside the configuration.
type Options struct {
	Log zerolog.Logger
	// Env is the environment of the programs that connecting needs: proxies, ssh,
	// and what they start.
	Env child.Env
	// Ask puts a question about host keys to a person and returns yes, no or
	// the fingerprint. It must return when ctx ends. If it is nil, or returns
	// ErrNoAnswer, an unknown key is an error.
	Ask func(ctx context.Context, q HostKeyQuestion) (answer string, err error)
	// Prompt puts a question about authentication to a person and returns the
	// answers, which the attempt overwrites after use. It must return when ctx
	// ends. After ErrNoAnswer the attempt goes on without the answer; any other
	// error ends it. If Prompt is nil, nobody is there: the attempt tries what
	// needs no person, and adds no key to the agent.
	Prompt func(ctx context.Context, p Prompt) (answers [][]byte, err error)
	// Tell, if set, shows something to a person. It must return soon, and is
	// called from several goroutines, one at a time.
	Tell func(Notice)
	// Accepted is a host key that a person accepted on an earlier connection
	// (Facts.Accepted), or nil. Nobody is asked about it again, even if no file
	// has it.
	Accepted ssh.PublicKey
	// AgentSocket returns the path of the agent's socket, "" if there is none.
	AgentSocket func() string
	// ProxyAgent returns the SSH_AUTH_SOCK of a proxy, whose hops may have an
	// IdentityAgent of their own; "" if there is no agent.
	ProxyAgent func() string
	// Family is mosh's --family: prefer-inet, prefer-inet6, inet, inet6, auto
	// or all. AddressFamily restricts too.
	Family string
	// Limits are for an attempt that is to fail early.
	Limits Limits
	// Address, if valid, is dialed before the name is looked up, whatever its
	// family, so that a resolver in a dead network holds nothing up. It comes
	// from an earlier Facts.Remote. It means nothing behind a proxy.
	Address netip.Addr
	// Identity is the fingerprint of the key to try first, from an earlier
	// Facts.Identity; "" for OpenSSH's order. It adds no key to those that are
	// tried. The server counts every key that it refuses (MaxAuthTries).
	Identity string
	// Lost reports whether an earlier connection was lost: others that were open
	// then, such as the user's own to a jump host, may be dead as well.
	Lost bool
	// Alone reports whether there is no OpenSSH to turn to. The native transport
	// then goes on without what it cannot do, as ssh does after a key that fails,
	// and returns no *UnsupportedError.
	Alone bool
	// Choice is the transport to connect over; the zero value is auto.
	Choice Choice
	// Master is the place of a master, and of a proxy that asks. Without one
	// there is no master, and no proxy may ask.
	Master MasterPlace
	// Progress, if set, is called as each phase begins: PhaseConnect,
	// PhaseBanner, PhaseKex, PhaseAuth. It must return at once, and is called
	// from several goroutines, one at a time.
	Progress func(phase string)
	// Local, if set, is called with the address that a connection without a proxy
	// comes from. It must return at once.
	Local func(net.Addr)
	// Dialing, if set, is called with each address as it is dialed. It must
	// return at once, and is called from several goroutines.
	Dialing func(netip.AddrPort)

	// Dial, if set, opens TCP connections in another place, as net.Dialer's
	// DialContext does here.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Unattended reports whether nobody is there. BatchMode is something else: a
// person is there and must not be asked.
func (o *Options) Unattended() bool { return o.Prompt == nil }

// MayAsk reports whether somebody is there and may be asked.
func (o *Options) MayAsk(cfg *sshconfig.Config) bool {
	return (o.Ask != nil || o.Prompt != nil) && !cfg.BatchMode
}

// Limits bound the waiting for the network. ConnectTimeout and the time for
// authentication hold as well. A limit of zero is none.
type Limits struct {
	// Lookup bounds the lookup of the name.
	Lookup time.Duration
	// Connect bounds the TCP connect, from when there is an address to dial. A
	// lookup that goes on beside an address that is known ends with it.
	Connect time.Duration
	// Proxy bounds all up to the host key behind a proxy, if there is no
	// ConnectTimeout; 0 is a minute.
	Proxy time.Duration
	// Again is how long an address may take to answer before it is dialed once
	// more, beside the first dial. Zero leaves that to the kernel.
	Again time.Duration
	// Silence bounds how long the server may say nothing when it is its turn,
	// from the TCP connect until authentication is over. The time of a person
	// who answers, and of an agent that signs, does not count. Behind a proxy
	// it begins with the server's first byte: nobody here sees when the proxy
	// has reached the server.
	Silence time.Duration
}

// MasterPlace is what a master needs on this machine.
type MasterPlace struct {
	// Dir is a directory that only this user can enter, for sockets.
	Dir string
	// Program is the path of a program whose main calls helper.Run first.
	Program string
}

// What carries a connection.
const (
	TransportAuto    = "auto"    // the native one, unless it cannot
	TransportNative  = "native"  // golang.org/x/crypto/ssh
	TransportOpenSSH = "openssh" // an ssh that is a ControlMaster
)

// Choice is the transport that is to carry a connection, or carries it.
type Choice struct {
	Transport string // one of the Transport constants; of a connection never TransportAuto
	Reason    string // why OpenSSH was chosen automatically; "" otherwise
}
