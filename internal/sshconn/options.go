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

// Options are what Dial needs beside the configuration.
type Options struct {
	Log zerolog.Logger
	// Env is where the programs run that connecting needs: proxies, ssh, and what
	// they start.
	Env child.Env
	// Ask puts a question about host keys to a person and returns yes, no or
	// the fingerprint. It must return when ctx ends. Nil if there is nobody to
	// ask: an unknown key is an error then, as it is where Ask returns
	// ErrNoAnswer.
	Ask func(ctx context.Context, q HostKeyQuestion) (answer string, err error)
	// Prompt puts a question about authentication to a person and returns the
	// answers, which Dial overwrites when they have been used. It must return
	// when ctx ends. ErrNoAnswer passes over what the answer was needed for, any
	// other error ends Dial and is returned by it. Nil if there is nobody to
	// ask: only what needs no person is tried then, and no key is added to the
	// agent.
	Prompt func(ctx context.Context, p Prompt) (answers [][]byte, err error)
	// Tell, if set, shows something to a person. It must return soon, and is
	// called from several goroutines, one at a time.
	Tell func(Notice)
	// Accepted is a host key that a person accepted on an earlier connection
	// (Conn.Accepted), which is not asked about again where the files do not
	// have it; nil if there is none.
	Accepted ssh.PublicKey
	// AgentSocket returns the path of the agent's socket, "" if there is none.
	AgentSocket func() string
	// ProxyAgent returns the path of the agent's socket that SSH_AUTH_SOCK is to
	// have for a proxy, whose hops may have an IdentityAgent of their own; "" if
	// there is none.
	ProxyAgent func() string
	// Family is mosh's --family: prefer-inet, prefer-inet6, inet, inet6, auto
	// or all. AddressFamily restricts too.
	Family string
	// Limits are for an attempt that is to fail early.
	Limits Limits
	// Address, if valid, is dialed before the host name is looked up, whatever
	// its family: that of an earlier Conn.Remote, so that a resolver in a dead
	// network holds nothing up. Without meaning for a proxy.
	Address netip.Addr
	// Identity is the fingerprint of the key to try first if it is among those
	// that are tried at all, as in an earlier Conn.Identity; "" for OpenSSH's
	// order. The server counts every key that it refuses (MaxAuthTries).
	Identity string
	// Lost says that an earlier connection was lost, and with it perhaps every
	// other that was open then, such as an ssh to a jump host.
	Lost bool
	// Alone says that there is no OpenSSH to turn to: what Dial cannot do is
	// passed over, as ssh passes over a key that fails, and no
	// *UnsupportedError is returned.
	Alone bool
	// Choice says over which transport Open connects; the zero value is auto.
	Choice Choice
	// Master is what an OpenSSH master needs, and a proxy that asks. Without,
	// there can be no master, and no proxy may ask.
	Master MasterPlace
	// Progress, if set, is told each phase as it begins: PhaseConnect,
	// PhaseBanner, PhaseKex, PhaseAuth. It must return at once, and is called
	// from several goroutines, one at a time.
	Progress func(phase string)
	// Local, if set, is told the address that a connection without a proxy comes
	// from, once there is one. It must return at once.
	Local func(net.Addr)
	// Dialing, if set, is told each address as it is dialed. It must return at
	// once, and is called from several goroutines.
	Dialing func(netip.AddrPort)

	// Dial, if set, opens TCP connections in another place, as net.Dialer's
	// DialContext does here.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Unattended reports whether nobody is there. BatchMode is another thing: it
// forbids to ask the person who is.
func (o *Options) Unattended() bool { return o.Prompt == nil }

// MayAsk reports whether somebody is there and may be asked.
func (o *Options) MayAsk(cfg *sshconfig.Config) bool {
	return (o.Ask != nil || o.Prompt != nil) && !cfg.BatchMode
}

// Limits bound the waiting for the network, beside ConnectTimeout and the time
// for authentication, which hold as ever. A limit of zero is none.
type Limits struct {
	// Lookup bounds the lookup of the name.
	Lookup time.Duration
	// Connect bounds the TCP connect, from when there is an address to dial. A
	// lookup that goes on beside an address that is known ends with it.
	Connect time.Duration
	// Proxy bounds all up to the host key behind a proxy, where there is no
	// ConnectTimeout; 0: a minute.
	Proxy time.Duration
	// Again is after how long an address that has not answered is dialed once
	// more, beside what is under way. Zero leaves that to the kernel.
	Again time.Duration
	// Silence bounds how long the server may say nothing when it is its turn,
	// from the TCP connect until authentication is over. The time that a person
	// takes to answer Ask, or the agent to sign, is not the server's. Behind
	// a proxy it begins with the server's first byte: what a proxy needs to get
	// there cannot be seen.
	Silence time.Duration
}

// MasterPlace is what an OpenSSH master needs on this machine.
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

// Choice says which transport is to carry a connection, or carries it.
type Choice struct {
	Transport string // one of the Transport constants; of a connection never TransportAuto
	Reason    string // why OpenSSH was chosen automatically; "" otherwise
}
