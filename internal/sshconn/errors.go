package sshconn

import (
	"fmt"
	"strconv"
	"strings"
)

// Phases of an attempt, for errors.
const (
	PhaseConnect = "connect" // name resolution and TCP, or the proxy's start
	PhaseBanner  = "banner"  // until the server's version line
	PhaseKex     = "kex"     // until the server's host key
	PhaseAuth    = "auth"    // the rest

	// PhaseSession is no phase of an attempt: the server has let us in, and has
	// not opened the first session yet.
	PhaseSession = "session"
)

// ResolveError says that the host name has no address.
type ResolveError struct {
	Host    string
	Message string // what is wrong, in words
}

func (e *ResolveError) Error() string {
	return fmt.Sprintf("cannot resolve host name %s: %s", e.Host, e.Message)
}

// Causes of a ConnectError.
const (
	CauseRefused     = "refused"
	CauseUnreachable = "unreachable"
	CauseBind        = "bind" // not from the address or the interface that is configured
	CauseOther       = "other"
)

// ConnectError says that no address took a TCP connection. It is about the
// address that answered, or else about the last one that was tried.
type ConnectError struct {
	Host    string
	Port    int
	Address string // ip:port
	Cause   string // CauseRefused, CauseUnreachable, CauseBind or CauseOther
	Message string // the system's
}

func (e *ConnectError) Error() string {
	return fmt.Sprintf("cannot connect to %s port %d (%s): %s", e.Host, e.Port, e.Address, e.Message)
}

// TimeoutError says in which phase the other side stayed silent too long.
type TimeoutError struct {
	Host    string
	Port    int
	Phase   string
	Seconds int    // the limit
	Said    string // see ClosedError
}

func (e *TimeoutError) Error() string {
	return fmt.Sprintf("no answer from %s port %d within %d s (%s)", e.Host, e.Port, e.Seconds, e.Phase) + insteadWords(e.Said)
}

// ClosedError says that the other side closed the connection.
type ClosedError struct {
	Host  string
	Port  int
	Phase string
	Said  string // the lines that it wrote in place of an SSH version; "" if none
}

func (e *ClosedError) Error() string {
	return fmt.Sprintf("connection closed by %s port %d (%s)", e.Host, e.Port, e.Phase) + insteadWords(e.Said)
}

func insteadWords(words string) string {
	if words == "" {
		return ""
	}
	return ": it says " + strconv.Quote(words)
}

// ProxyError says that ProxyCommand or ProxyJump could not make the connection.
type ProxyError struct {
	Command string
	Status  int    // exit status, -1 if it did not start or a signal ended it
	Message string // the last line that it wrote to stderr, or why it did not start
}

func (e *ProxyError) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("proxy command ended with status %d", e.Status)
	}
	return "proxy command: " + e.Message
}

// DisconnectError is the server's own message with which it disconnected.
type DisconnectError struct {
	Reason  int    // RFC 4253, section 11.1
	Message string // from the server: not to be trusted on a terminal as it is
}

func (e *DisconnectError) Error() string { return fmt.Sprintf("disconnected by server: %q", e.Message) }

// ProtocolError says that the other side does not speak SSH as this program
// understands it.
type ProtocolError struct {
	Phase   string
	Message string // for the log
	Begun   bool   // a login was tried before
}

func (e *ProtocolError) Error() string { return e.Phase + ": " + e.Message }

// AlgorithmError says that there is no algorithm that both sides allow. Theirs
// is empty if the configuration leaves none that this program has.
type AlgorithmError struct {
	What   string
	Theirs []string
}

func (e *AlgorithmError) Error() string { return "no common algorithm for " + e.What }

// What is wrong with a host key.
const (
	KeyUnknown     = "unknown"     // not known, and nobody to ask
	KeyStrict      = "strict"      // not known, and StrictHostKeyChecking is yes
	KeyDeclined    = "declined"    // not known, and the person said no
	KeyChanged     = "changed"     // the host is known with another key
	KeyRevoked     = "revoked"     // marked @revoked
	KeyCertificate = "certificate" // a known authority's certificate is not good, and the key is unknown

	KeyUnwritable  = "unwritable"  // not known, and there is no file, or no name, to write it down with
	KeyShort       = "short"       // an RSA key that is shorter than RequiredRSASize
	KeyUncheckable = "uncheckable" // OpenSSH cannot read a file of RevokedHostKeys
	KeySlow        = "slow"        // a file of RevokedHostKeys was not looked through in time: the next attempt may
	KeyDisputed    = "disputed"    // OpenSSH does not accept it, for a reason that is not known here
	KeyPassed      = "passed"      // known, but a connection is open for which it was not, and which it was let pass for
	KeyUnjudged    = "unjudged"    // a connection is open whose key nobody here has seen, or can judge by these rules
	KeyUnseen      = "unseen"      // nobody here sees it, and ssh is told to take any (sshconfig.Config.Front)
)

// HostKeyError says why a host key was not accepted.
type HostKeyError struct {
	Problem     string
	Host        string // as in known_hosts: the name or alias, or [name]:port
	KeyType     string // as ssh names it: ED25519, ECDSA, RSA
	Fingerprint string // as FingerprintHash has it: SHA256:..., MD5:...
	File        string // the known_hosts line that the key differs from, or that revokes it; "" if it changed in a rekey
	Line        int    // 0 if OpenSSH did not say it
	CertProblem string // what is wrong with the certificate
	// Open reports whether a connection is open that accepted the key by other
	// rules.
	Open bool
}

func (e *HostKeyError) Error() string {
	switch {
	case e.Problem == KeyPassed:
		return fmt.Sprintf("host key of %s was not the known one when the open connection was made", e.Host)
	case e.Problem == KeyUnjudged:
		return fmt.Sprintf("host key of %s was not judged by these rules when the open connection was made", e.Host)
	case e.Problem == KeyDisputed:
		return fmt.Sprintf("OpenSSH does not accept the host key of %s", e.Host)
	case e.Problem == KeyUnseen:
		return fmt.Sprintf("what runs ssh has it take any host key of %s, which nobody else sees", e.Host)
	case (e.Problem == KeyChanged || e.Problem == KeyRevoked) && e.KeyType == "":
		return fmt.Sprintf("host key of %s is %s", e.Host, e.Problem)
	case e.Problem == KeyChanged && e.File == "":
		return fmt.Sprintf("%s host key of %s changed during the connection", e.KeyType, e.Host)
	case e.Problem == KeyRevoked && e.Line == 0:
		return fmt.Sprintf("%s host key of %s is revoked (%s)", e.KeyType, e.Host, e.File)
	case e.Problem == KeyChanged, e.Problem == KeyRevoked:
		return fmt.Sprintf("%s host key of %s is %s (%s:%d)", e.KeyType, e.Host, e.Problem, e.File, e.Line)
	case e.Problem == KeyShort:
		return fmt.Sprintf("%s host key of %s is too short", e.KeyType, e.Host)
	case e.Problem == KeyUncheckable:
		return fmt.Sprintf("%s host key of %s cannot be looked up in %s", e.KeyType, e.Host, e.File)
	case e.Problem == KeySlow:
		return fmt.Sprintf("%s host key of %s was not looked up in %s in time", e.KeyType, e.Host, e.File)
	case e.Problem == KeyCertificate:
		return fmt.Sprintf("host certificate of %s: %s", e.Host, e.CertProblem)
	}
	return fmt.Sprintf("%s host key of %s is not known", e.KeyType, e.Host)
}

// AuthError says that the server did not let us in. The lists are in the order
// in which things were tried.
type AuthError struct {
	User       string
	Host       string
	Methods    []string // what the server would take at last
	Tried      []TriedKey
	Skipped    []SkippedKey
	Agent      string // why the agent gave no key: AgentAbsent, AgentEmpty or its error; "" if it did
	Disconnect string // the server's message if it gave up first ("Too many authentication failures")
	// Interactive reports whether a person could have given more, and did not: a
	// passphrase, a password, or what the server asks.
	Interactive bool
	Typed       bool // something that was typed was used
	Expired     bool // the server takes the password, but wants a new one
}

// What UnsupportedError is about.
const (
	FeatureSecurityKey = "security key" // a FIDO key whose handle is in the file Detail
	FeaturePKCS11      = "PKCS#11"      // keys on a token, by the library Detail
	FeatureHostKey     = "host key"     // all known keys of the host are of the kind Detail, or of others that ssh alone has
	FeatureKeyFile     = "key file"     // a private key in the file Detail, of an unknown kind or in an unknown form
	FeatureMethod      = "method"       // the authentication method Detail
	FeatureOption      = "option"       // the option Detail of ssh_config
	FeatureFront       = "front"        // ssh is run by Detail (Config.Front)
)

// UnsupportedError says that logging in needs what OpenSSH's own ssh can do and
// the native transport cannot.
type UnsupportedError struct {
	Feature string // one of the Feature constants
	Detail  string // see there
}

func (e *UnsupportedError) Error() string {
	switch e.Feature {
	case FeatureFront:
		return "ssh is run by " + e.Detail
	case FeatureOption:
		return e.Detail + " not supported"
	}
	return fmt.Sprintf("%s not supported: %s", e.Feature, e.Detail)
}

// TriedKey is a key that the server refused, or that could not sign.
type TriedKey struct {
	Type        string // as on the wire
	Fingerprint string // SHA256:...; of OpenSSH, as FingerprintHash has it
	Source      string // the file's name, or the agent's comment
	FromAgent   bool
	Problem     string // why it could not sign; "" if the server refused it
}

// SkippedKey is an identity or certificate file that was not used.
type SkippedKey struct {
	File   string
	Reason string // one of the Skip constants
	Detail string // for SkipUnreadable and SkipAlgorithm
}

// Why an identity file was skipped.
const (
	SkipEncrypted   = "encrypted"   // has a passphrase that nobody gave, and is not in the agent
	SkipPermissions = "permissions" // others may read it
	SkipMissing     = "missing"
	SkipUnreadable  = "unreadable" // or of a kind that this program cannot load
	SkipAlgorithm   = "algorithm"  // not in PubkeyAcceptedAlgorithms
)

// Why the agent gave no key.
const (
	AgentAbsent = "absent" // no socket is configured, or nobody listens there
	AgentEmpty  = "empty"
)

func (e *AuthError) Error() string {
	return fmt.Sprintf("permission denied for %s on %s (%s)", e.User, e.Host, strings.Join(e.Methods, ","))
}

// MasterError says that the ssh of a master ended for a reason that it alone
// knows.
type MasterError struct {
	Status  int    // exit status, -1 if it did not start or a signal ended it
	Message string // the last line that it wrote
	Early   bool   // it had not begun to connect: it will not the next time either
}

func (e *MasterError) Error() string { return "ssh: " + e.Message }

// PathError says that a socket of ssh's would have a name that is too long.
type PathError struct{ Path string }

func (e *PathError) Error() string {
	return fmt.Sprintf("%s is too long a name for a Unix socket", e.Path)
}
