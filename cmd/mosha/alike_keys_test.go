//go:build linux

package main_test

import (
	"os"
	"strings"
)

const stranger = "Host box\n Port 2203\n"

// hostKeyRows are about known_hosts.
var hostKeyRows = []row{
	{name: "StrictHostKeyChecking yes, unknown key", typical: true, config: stranger + " StrictHostKeyChecking yes\n", fails: noHostKey},
	{name: "StrictHostKeyChecking ask, nobody to ask", config: stranger + " StrictHostKeyChecking ask\n", fails: noHostKey},
	{name: "StrictHostKeyChecking accept-new", typical: true, config: stranger + " StrictHostKeyChecking accept-new\n HashKnownHosts no\n"},
	{name: "StrictHostKeyChecking no", config: stranger + " StrictHostKeyChecking no\n HashKnownHosts no\n"},
	{name: "StrictHostKeyChecking off", config: stranger + " StrictHostKeyChecking off\n"},
	{name: "StrictHostKeyChecking accept-new, changed key", config: "Host box\n StrictHostKeyChecking accept-new\n", prepare: wrongKey, fails: noHostKey},
	{name: "changed key", typical: true, prepare: wrongKey, fails: noHostKey},
	{name: "HashKnownHosts", typical: true, config: stranger + " StrictHostKeyChecking accept-new\n HashKnownHosts yes\n"},
	{name: "HostKeyAlias", config: "Host box\n HostName {dev4}\n HostKeyAlias devbox\n"},
	{name: "HostKeyAlias that is not known", config: "Host box\n HostKeyAlias other\n", fails: noHostKey},
	{name: "HostKeyAlias that becomes known", config: "Host box\n HostKeyAlias other\n StrictHostKeyChecking accept-new\n HashKnownHosts no\n"},
	{name: "UserKnownHostsFile", config: "Host box\n UserKnownHostsFile ~/known\n", prepare: moveKnown("known")},
	{name: "UserKnownHostsFile, two of them", config: "Host box\n UserKnownHostsFile ~/nothing ~/known\n", prepare: moveKnown("known")},
	{name: "UserKnownHostsFile with tokens", typical: true, config: "Host box\n UserKnownHostsFile %d/%n-%r\n", prepare: moveKnown("box-{user}")},
	{name: "UserKnownHostsFile with a variable", config: "Host box\n UserKnownHostsFile ${KNOWN_DIR}/known\n", prepare: all(moveKnown("known"), env("KNOWN_DIR", "{home}"))},
	{name: "UserKnownHostsFile with a space", config: "Host box\n UserKnownHostsFile \"~/my known\"\n", prepare: moveKnown("my known")},
	{name: "UserKnownHostsFile none", config: "Host box\n UserKnownHostsFile none\n", fails: noHostKey},
	{name: "GlobalKnownHostsFile", config: "Host box\n UserKnownHostsFile none\n GlobalKnownHostsFile {home}/known\n", prepare: moveKnown("known")},
	{name: "HostKeyAlgorithms", config: "Host box\n Port 2204\n HostKeyAlgorithms rsa-sha2-512\n"},
	{name: "HostKeyAlgorithms that the server has not", config: "Host box\n HostKeyAlgorithms ecdsa-sha2-nistp256\n", fails: noNetwork},
	{name: "only one of the server's keys is known", config: "Host box\n Port 2204\n UpdateHostKeys no\n", prepare: oneKey("ssh-rsa")},
	{name: "host certificate", typical: true, config: "Host box\n Port 2205\n", prepare: file(".ssh/known_hosts", "@cert-authority [devbox]:2205 {ca}\n")},
	{name: "host certificate of another authority", config: "Host box\n Port 2205\n", prepare: file(".ssh/known_hosts", "@cert-authority [devbox]:2205 {everybody}\n"), fails: noHostKey},
	{name: "revoked key", typical: true, prepare: revoked, fails: noHostKey},
	{name: "StrictHostKeyChecking no, changed key", config: "Host box\n StrictHostKeyChecking no\n", prepare: wrongKey},
	{name: "KnownHostsCommand", typical: true, config: "Host box\n UserKnownHostsFile none\n KnownHostsCommand /bin/cat \"%d/known %H\"\n", prepare: moveKnown("known devbox")},
	{name: "KnownHostsCommand that fails", config: "Host box\n KnownHostsCommand /bin/false\n", fails: noNetwork},
	{name: "KnownHostsCommand that is not there", config: "Host box\n KnownHostsCommand /bin/nothing\n"},
	{name: "KnownHostsCommand with an unknown token", config: "Host box\n KnownHostsCommand /bin/true %z\n", fails: noNetwork},
	{name: "RevokedHostKeys", config: "Host box\n RevokedHostKeys {home}/revoked\n", prepare: revokedKeys, fails: noHostKey},
	{name: "RevokedHostKeys that is not there", config: "Host box\n RevokedHostKeys {home}/revoked\n", fails: noHostKey},
	{name: "CheckHostIP", typical: true, config: "Host box\n CheckHostIP yes\n HashKnownHosts no\n AddressFamily inet\n", prepare: nameOnly},
	{name: "CheckHostIP, another key", config: "Host box\n CheckHostIP yes\n StrictHostKeyChecking yes\n AddressFamily inet\n", prepare: addressKey, fails: noHostKey},
	{name: "RequiredRSASize", config: "Host box\n Port 2204\n HostKeyAlgorithms rsa-sha2-512\n RequiredRSASize 8192\n", fails: noHostKey},
	{name: "KnownHostsCommand that is no path", config: "Host box\n KnownHostsCommand cat known\n"},
	{name: "UpdateHostKeys", typical: true, config: "Host box\n Port 2204\n UpdateHostKeys yes\n HashKnownHosts no\n", prepare: oneKey("ssh-ed25519")},
	{name: "UpdateHostKeys no", config: "Host box\n Port 2204\n UpdateHostKeys no\n", prepare: oneKey("ssh-ed25519")},
	{name: "RequiredRSASize that the host key has", config: "Host box\n Port 2202\n RequiredRSASize 2048\n MACs +hmac-sha1\n"},
	{name: "RSA key with a large exponent", typical: true, config: "Host box\n Port 2209\n", prepare: known("[devbox]:2209 {odd}\n")},
	{name: "RSA key with a large exponent that becomes known", config: "Host box\n Port 2209\n HashKnownHosts no\n", prepare: answers("yes")},
	{name: "RSA key with a large exponent, changed", config: "Host box\n Port 2209\n", prepare: known("[devbox]:2209 {everybody}\n"), fails: noHostKey},
	{name: "RSA key with a large exponent, StrictHostKeyChecking yes", config: "Host box\n Port 2209\n StrictHostKeyChecking yes\n", fails: noHostKey},
	{name: "RSA key with a large exponent to log in with", prepare: oddIdentity},
	{name: "RSA key with a large exponent in the agent", prepare: all(oddIdentity, agentInEnv)},
	{name: "RSA authority with a large exponent", config: "Host box\n Port 2211\n", prepare: known("@cert-authority [devbox]:2211 {odd}\n")},
	{name: "RSA authority with a large exponent for others", config: "Host box\n Port 2211\n", prepare: known("@cert-authority elsewhere {odd}\n"), fails: noHostKey},
	{name: "RSA authority with a large exponent, unknown", config: "Host box\n Port 2211\n StrictHostKeyChecking yes\n", fails: noHostKey},
	{name: "RSA authority with a large exponent, key accepted", config: "Host box\n Port 2211\n HashKnownHosts no\n", prepare: answers("yes")},
	{name: "RSA authority with a large exponent, key changed", config: "Host box\n Port 2211\n", prepare: known("[devbox]:2211 {everybody}\n"), fails: noHostKey},
	{name: "RSA authority with a large exponent, revoked", config: "Host box\n Port 2211\n", prepare: known("@cert-authority [devbox]:2211 {odd}\n@revoked * {odd}\n"), fails: noHostKey},
	{name: "hashed names", prepare: hashed},
	{name: "a name with a pattern", prepare: known("dev*,!devil {key}\n")},
	{name: "a name in capitals", prepare: known("DEVBOX {key}\n")},
	{name: "a name without the port", config: "Host box\n Port 2203\n", prepare: strangerWithoutPort},
	{name: "lines that are none", typical: true, prepare: known("devbox junk\n# a comment\n\ndevbox 1024 35 123\n{key}\ndevbox {key}\n")},
}

// oddIdentity is another key to log in with, which the library cannot read.
func oddIdentity(p *seat) {
	private, err := os.ReadFile(p.site.lab.Path("odd-host-key"))
	p.must(err)
	p.must(p.me.WriteFile(".ssh/id_ed25519", string(private), 0o600))
	p.must(p.me.WriteFile(".ssh/id_ed25519.pub", p.site.oddKey+"\n", 0o644))
	p.must(p.dev.WriteFile(".ssh/authorized_keys", p.site.oddKey+"\n", 0o600))
}

// wrongKey lets the devbox be known by another key.
func wrongKey(p *seat) {
	p.must(p.me.WriteFile(".ssh/known_hosts", "devbox "+p.site.key.Pub+"\n", 0o600))
}

// revoked has a line that revokes the devbox's key.
func revoked(p *seat) {
	p.must(p.me.AppendFile(".ssh/known_hosts", "@revoked "+p.hostKey("*")+"\n"))
}

// revokedKeys has the devbox's key in a list of revoked ones.
func revokedKeys(p *seat) {
	p.must(p.me.WriteFile("revoked", "# stolen\n"+strings.TrimPrefix(p.hostKey("*"), "* ")+"\n", 0o600))
}

// nameOnly lets the devbox be known by its name, and not by its address.
func nameOnly(p *seat) { p.must(p.me.WriteFile(".ssh/known_hosts", p.hostKey("devbox")+"\n", 0o600)) }

// addressKey has another key for the devbox's address.
func addressKey(p *seat) {
	p.must(p.me.WriteFile(".ssh/known_hosts", p.hostKey("devbox")+p.fill("\n{dev4} {everybody}\n"), 0o600))
}

// hostKey is a line of known_hosts for the devbox's key.
func (p *seat) hostKey(name string) string {
	lines, err := p.site.sshds["usual"].HostKeyLines(name)
	p.must(err)
	return lines[0]
}

// keyOf is the host key of one of the servers.
func (p *seat) keyOf(name string) string {
	p.t.Helper()
	lines, err := p.site.sshds[name].HostKeyLines("x")
	p.must(err)
	_, key, _ := strings.Cut(lines[0], " ")
	return key
}

// known writes known_hosts, with the usual server's key for {key}.
func known(text string) func(*seat) {
	return func(p *seat) {
		p.must(p.me.WriteFile(".ssh/known_hosts", strings.ReplaceAll(p.fill(text), "{key}", p.keyOf("usual")), 0o600))
	}
}

// strangerWithoutPort knows the stranger, but not at its port.
func strangerWithoutPort(p *seat) {
	p.must(p.me.WriteFile(".ssh/known_hosts", "devbox "+p.keyOf("stranger")+"\n", 0o600))
}

// hashed is known_hosts as ssh-keygen hashes it.
func hashed(p *seat) {
	p.must(p.me.Command(p.ctx(), "ssh-keygen", "-q", "-H", "-f", ".ssh/known_hosts").Run())
	p.must(p.me.Command(p.ctx(), "rm", ".ssh/known_hosts.old").Run())
}

// moveKnown gives known_hosts another name.
func moveKnown(to string) func(*seat) {
	return func(p *seat) {
		p.must(p.me.WriteFile(p.fill(to), p.learned(), 0o600))
		p.must(p.me.WriteFile(".ssh/known_hosts", "", 0o600))
	}
}

// oneKey leaves lines of one type of key only.
func oneKey(keyType string) func(*seat) {
	return func(p *seat) {
		var kept strings.Builder
		for line := range strings.Lines(p.learned()) {
			if strings.Contains(line, " "+keyType+" ") {
				kept.WriteString(line)
			}
		}
		p.must(p.me.WriteFile(".ssh/known_hosts", kept.String(), 0o600))
	}
}

const identity = "Host box\n IdentitiesOnly yes\n IdentityFile "

// authRows are about how a person proves who they are.
var authRows = []row{
	{name: "IdentityFile", config: identity + "~/keys/mine\n", prepare: moveKey("keys/mine")},
	{name: "IdentityFile with tokens", typical: true, config: identity + "%d/keys/%u-%r@%h-%p-%n\n", prepare: moveKey("keys/{me}-{user}@devbox-22-box")},
	{name: "IdentityFile with a hash", config: identity + "~/keys/%C\n", prepare: moveKeyToHash},
	{name: "IdentityFile with a variable", config: identity + "${KEYS}/mine\n", prepare: all(moveKey("keys/mine"), env("KEYS", "{home}/keys"))},
	{name: "IdentityFile with an unset variable", config: identity + "${KEYS}/mine\n", fails: 1},
	{name: "IdentityFile with an unknown token", config: identity + "~/keys/%z\n", fails: 1},
	{name: "IdentityFile with a space", config: identity + "\"~/my keys/mine\"\n", prepare: moveKey("my keys/mine")},
	{name: "IdentityFile that is not there", config: identity + "~/keys/nothing\n", fails: noKey},
	{name: "IdentityFile, the second of two", config: identity + "~/keys/nothing\n IdentityFile ~/.ssh/id_ed25519\n"},
	{name: "IdentityFile that others may read", typical: true, prepare: mode("644"), fails: noKey},
	{name: "key in the agent", prepare: agentInEnv},
	{name: "IdentitiesOnly and a key in the agent", config: "Host box\n IdentitiesOnly yes\n", prepare: agentInEnv, fails: noKey},
	{name: "IdentitiesOnly and the agent's key by its public half", typical: true, config: identity + "~/mine.pub\n", prepare: all(file("mine.pub", "{everybody}\n"), agentInEnv)},
	{name: "IdentityAgent", config: "Host box\n IdentityAgent ~/agent\n", prepare: agentHasKey},
	{name: "IdentityAgent with tokens", config: "Host box\n IdentityAgent %d/agent\n", prepare: agentHasKey},
	{name: "IdentityAgent from a variable", typical: true, config: "Host box\n IdentityAgent $MY_AGENT\n", prepare: all(agentHasKey, env("MY_AGENT", "{home}/agent"))},
	{name: "IdentityAgent with a variable", config: "Host box\n IdentityAgent ${MY_DIR}/agent\n", prepare: all(agentHasKey, env("MY_DIR", "{home}"))},
	{name: "IdentityAgent SSH_AUTH_SOCK", config: "Host box\n IdentityAgent SSH_AUTH_SOCK\n", prepare: agentInEnv},
	{name: "IdentityAgent none", config: "Host box\n IdentityAgent none\n", prepare: agentInEnv, fails: noKey},
	{name: "CertificateFile", typical: true, config: identity + "~/.ssh/id_rsa\n Port 2205\n CertificateFile ~/cert.pub\n", prepare: certified("cert.pub")},
	{name: "certificate beside the key", config: identity + "~/.ssh/id_rsa\n Port 2205\n", prepare: certified(".ssh/id_rsa-cert.pub")},
	{name: "certificate for somebody else", config: identity + "~/.ssh/id_rsa\n Port 2205\n", prepare: certifiedFor("nobody", ".ssh/id_rsa-cert.pub"), fails: noKey},
	{name: "PubkeyAcceptedAlgorithms", typical: true, config: "Host box\n Port 2202\n PubkeyAcceptedAlgorithms rsa-sha2-512\n", prepare: newKey("rsa")},
	{name: "PubkeyAcceptedAlgorithms that the key has not", config: "Host box\n PubkeyAcceptedAlgorithms ecdsa-sha2-nistp256\n", fails: noKey},
	{name: "PubkeyAuthentication no", config: "Host box\n PubkeyAuthentication no\n", fails: noKey},
	{name: "PreferredAuthentications publickey", config: "Host box\n PreferredAuthentications publickey\n"},
	{name: "RSA key in OpenSSH's format", prepare: newKey("rsa")},
	{name: "RSA key as PEM", prepare: newKey("rsa", "-m", "PEM")},
	{name: "RSA key as PKCS8", prepare: newKey("rsa", "-m", "PKCS8")},
	{name: "ECDSA key in OpenSSH's format", prepare: newKey("ecdsa")},
	{name: "ECDSA key as PEM", prepare: newKey("ecdsa", "-m", "PEM")},
	{name: "ECDSA key as PKCS8", prepare: newKey("ecdsa", "-b", "521", "-m", "PKCS8")},
}

// moveKeyToHash names the key as ssh would have its %C.
func moveKeyToHash(p *seat) {
	p.must(p.me.WriteFile(".ssh/config", p.fill("User {user}\nHostName devbox\n"), 0o600))
	out, err := p.me.Command(p.ctx(), "ssh", "-G", "-oControlPath=%C", "box").Output()
	p.must(err)
	_, hash, _ := strings.Cut(string(out), "\ncontrolpath ")
	hash, _, _ = strings.Cut(hash, "\n")
	moveKey("keys/" + hash)(p)
}

func mode(octal string) func(*seat) {
	return func(p *seat) { p.must(p.me.Command(p.ctx(), "chmod", octal, ".ssh/id_ed25519").Run()) }
}

// newKey replaces the person's key by one of another kind, which the devbox
// lets in.
func newKey(keyType string, args ...string) func(*seat) {
	return func(p *seat) {
		p.must(p.me.Command(p.ctx(), "sh", "-ec", "rm .ssh/id_ed25519*").Run())
		key, err := p.me.NewKey("id_"+keyType, keyType, args...)
		p.must(err)
		p.must(p.dev.WriteFile(".ssh/authorized_keys", key.Pub+"\n", 0o600))
	}
}

// certified makes a key that the devbox lets in only by its certificate.
func certified(at string) func(*seat) { return certifiedFor("{user}", at) }

func certifiedFor(principal, at string) func(*seat) {
	return func(p *seat) {
		newKey("rsa")(p)
		p.must(p.dev.WriteFile(".ssh/authorized_keys", "", 0o600))
		public, err := p.me.ReadFile(".ssh/id_rsa.pub")
		p.must(err)
		cert := p.site.certify(p.world, strings.TrimSpace(public), "-n", p.fill(principal))
		p.must(p.me.WriteFile(at, cert, 0o600))
	}
}
