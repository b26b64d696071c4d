package sshconfig

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config is what the user's configuration says about one destination. Its
// JSON form carries all of it to another process.
type Config struct {
	Dest  string   // as the user typed it
	SSH   []string // the ssh command and the user's options, never empty
	Front string   // what ssh is run by: a program in front of it or in its place, or an LD_PRELOAD; "" if by nothing

	Dir        string // where ssh was asked, to which relative names among them refer; "" if that is not known
	ConfigFile string // the value of -F among them, for a jump host's ssh too

	ConnectionHash string // %C as this ssh defines it; "" if no option uses it

	OriginalHost  string // the host in Dest, before HostName changed it (%n)
	HostName      string // to connect to
	User          string
	Port          int
	HostKeyAlias  string
	ProxyJump     string // hops, comma separated, the last one nearest the host
	ProxyCommand  string // as configured, see ProxyShellCommand
	AddressFamily string // any, inet or inet6
	BindAddress   string
	BindInterface string

	ConnectionAttempts int    // at least 1
	ProxyUseFdpass     bool   // ProxyCommand hands over a socket
	RekeyBytes         uint64 // after which new keys are agreed on; 0: the default
	QoS                *int   // of IP packets; nil: the system's choice

	ConnectTimeout time.Duration // 0: not configured

	IdentityFiles    []string // all file names are absolute
	CertificateFiles []string
	IdentityAgent    string // a path, SSH_AUTH_SOCK, none, $NAME or ""
	IdentitiesOnly   bool

	UserKnownHostsFiles   []string
	GlobalKnownHostsFiles []string
	StrictHostKeyChecking string // yes, no, ask or accept-new
	HashKnownHosts        bool
	CheckHostIP           bool

	KnownHostsCommand string   // as configured; OpenSSH runs it
	RevokedHostKeys   []string // key lists or KRLs
	UpdateHostKeys    string   // UpdateNo, UpdateYes or UpdateAsk
	VerifyHostKeyDNS  string   // no, yes or ask
	RequiredRSASize   int      // bits
	FingerprintHash   string   // of keys as a person sees them: MD5, SHA1, SHA256, SHA384 or SHA512; "": SHA256
	VisualHostKey     bool     // they are drawn too
	// NoHostAuthenticationForLocalhost accepts every key of a loopback address.
	NoHostAuthenticationForLocalhost bool
	HostKeyAlgorithmsFixed           bool // their order is the user's own and stays as it is
	HostbasedAcceptedAlgorithms      []string

	Ciphers                  []string
	KexAlgorithms            []string
	WarnWeakCrypto           bool // from OpenSSH 10.1 on
	MACs                     []string
	HostKeyAlgorithms        []string
	PubkeyAcceptedAlgorithms []string
	CASignatureAlgorithms    []string
	PubkeyAuthentication     bool
	SecurityKeyProvider      string   // a library for FIDO key files, or the word internal
	PKCS11Provider           string   // a library for smart cards, "" if there is none
	PreferredAuthentications []string // methods in the order of trial, nil: OpenSSH's own
	PasswordAuthentication   bool
	KbdInteractive           bool // KbdInteractiveAuthentication
	NumberOfPasswordPrompts  int
	AddKeysToAgent           string        // no, yes, ask or confirm
	AddKeysLifetime          time.Duration // how long the agent keeps them, 0: for ever
	LogLevel                 string        // in upper case; QUIET is called SILENT

	GSSAPIAuthentication      bool
	GSSAPIDelegateCredentials bool
	GSSAPIKeyExchange         bool // this and the next of the ssh of some systems
	GSSAPITrustDNS            bool // the server's Kerberos name is that of the address
	HostbasedAuthentication   bool
	CanonicalizeHostname      bool
	ForkAfterAuthentication   bool

	ServerAliveInterval time.Duration // 0: off
	ServerAliveCountMax int
	TCPKeepAlive        bool
	ForwardAgent        string   // yes, no, a path or $NAME, see ForwardedSocket
	SendEnv             []string // patterns of names
	SetEnv              []string // NAME=VALUE
	BatchMode           bool

	Forwarding Forwarding
}

// ID names the destination in 16 hexadecimal digits: two launches with the same
// ID share a keeper. It covers what decides which machine answers and who that
// has to prove to be: what OpenSSH's %C covers (local host name, host name,
// port, user and jump hosts), and the proxy command, HostKeyAlias and what runs
// ssh, since one private address can mean several machines.
func (c *Config) ID() string {
	host, _ := os.Hostname()
	h := sha256.New()
	fields := []string{host, c.HostName, strconv.Itoa(c.Port), c.User, c.ProxyJump, c.ProxyShellCommand(), c.HostKeyAlias}
	if c.Front != "" {
		fields = append(append(fields, c.Front), c.Program()...)
	}
	for _, field := range fields {
		h.Write([]byte(field))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// HostKeyName is the name under which ssh looks host keys up: HostKeyAlias,
// or the host name in lower case (without the port).
func (c *Config) HostKeyName() string {
	if c.HostKeyAlias != "" {
		return c.HostKeyAlias
	}
	return c.HostName
}

// AgentSocket returns the path of the agent's socket by the rules of
// IdentityAgent and SSH_AUTH_SOCK. env looks up an environment variable. ok is
// false if there is no agent to ask. The path is looked up each time because
// $SSH_AUTH_SOCK may name a link.
func (c *Config) AgentSocket(env func(string) string) (path string, ok bool) {
	switch agent := c.IdentityAgent; agent {
	case "none":
		return "", false
	case "", "SSH_AUTH_SOCK":
		path = env("SSH_AUTH_SOCK")
	default:
		path = variable(agent, env)
	}
	return path, path != ""
}

// ForwardedSocket is AgentSocket for the agent that is forwarded, which
// ForwardAgent may name. Its other words make no difference: to forward the
// agent is what mosha is for.
func (c *Config) ForwardedSocket(env func(string) string) (path string, ok bool) {
	switch agent := c.ForwardAgent; agent {
	case "", "yes", "no":
		return c.AgentSocket(env)
	default:
		path = variable(agent, env)
	}
	return path, path != ""
}

// AgentSetting returns the option that names the agent that is forwarded, empty
// if SSH_AUTH_SOCK does.
func (c *Config) AgentSetting() string {
	switch {
	case !slices.Contains([]string{"", "yes", "no"}, c.ForwardAgent):
		return "ForwardAgent"
	case !slices.Contains([]string{"", "SSH_AUTH_SOCK"}, c.IdentityAgent):
		return "IdentityAgent"
	}
	return ""
}

// variable returns the value of $NAME, or path if that is a path already.
func variable(path string, env func(string) string) string {
	if path[0] == '$' && !strings.HasPrefix(path, "${") {
		return env(path[1:])
	}
	return path
}

// IsHushed reports whether LogLevel is below INFO: the user wants to hear of
// failures only.
func (c *Config) IsHushed() bool {
	return slices.Contains([]string{"SILENT", "QUIET", "FATAL", "ERROR"}, strings.ToUpper(c.LogLevel))
}

// HasProxy reports whether a ProxyCommand or a ProxyJump leads to the host.
func (c *Config) HasProxy() bool { return c.ProxyJump != "" || c.ProxyCommand != "" }

// IsMute reports whether LogLevel is below ERROR: the user does not even want
// to hear of errors after which ssh goes on.
func (c *Config) IsMute() bool {
	return slices.Contains([]string{"SILENT", "QUIET", "FATAL"}, strings.ToUpper(c.LogLevel))
}

// IsVerbose reports whether LogLevel is above INFO.
func (c *Config) IsVerbose() bool {
	level := strings.ToUpper(c.LogLevel)
	return level == "VERBOSE" || strings.HasPrefix(level, "DEBUG")
}
