//go:build linux

package main_test

import (
	"strings"
)

const (
	anMD5  = `MD5:([0-9a-f]{2}:){15}[0-9a-f]{2}`
	anArt  = `\+-+\[ED25519 256\]-+\+\n(\|.{17}\|\n){9}`
	endMD5 = `\+-+\[MD5\]-+\+`
)

// saidRows are about what a person reads.
var saidRows = []row{
	{
		name: "FingerprintHash, the fingerprint is typed", config: stranger + " FingerprintHash md5\n HashKnownHosts no\n",
		prepare: typesFingerprint("md5"), says: []string{`^ED25519 key fingerprint is:? ` + anMD5, `continue connecting \(yes/no/\[fingerprint\]\)\? $`},
		hushes: []string{`SHA256`, `[+]--`},
	},
	{
		name: "FingerprintHash, the fingerprint in another one is typed", config: stranger + " FingerprintHash md5\n",
		prepare: typesFingerprint("sha256"), fails: noHostKey, says: []string{`^Please type 'yes', 'no' or the fingerprint: $`},
	},
	{name: "FingerprintHash, changed key", config: "Host box\n FingerprintHash md5\n", prepare: wrongKey, fails: noHostKey, says: []string{anMD5}},
	{name: "VisualHostKey, unknown key", typical: true, config: stranger + " VisualHostKey yes\n", prepare: answersAloud("yes"), says: []string{`fingerprint is:? SHA256:.*\n` + anArt}},
	{
		name: "VisualHostKey and FingerprintHash, known key", config: "Host box\n VisualHostKey yes\n FingerprintHash md5\n",
		says: []string{`^Host key fingerprint is:? ` + anMD5 + `\n` + anArt + endMD5},
	},
	{name: "VisualHostKey, LogLevel ERROR", config: "Host box\n VisualHostKey yes\n LogLevel ERROR\n", hushes: []string{`ED25519`, `SHA256`}},
	{
		name: "unknown host key, known by other names", config: stranger + " HashKnownHosts no\n",
		prepare: all(otherNames, answersAloud("yes")), says: []string{`following other names/addresses:\n +\S+known_hosts:1: elsewhere\nAre you`},
	},
	{name: "banner", typical: true, config: bannerHost, says: []string{`^` + theBanner}, hushes: []string{`debug`, `Authenticated`, `via proxy`}},
	{name: "banner, LogLevel VERBOSE", config: bannerHost + " LogLevel VERBOSE\n", says: []string{`^` + theBanner}},
	{name: "banner, LogLevel ERROR", config: bannerHost + " LogLevel ERROR\n", hushes: []string{`Be nice`, `others`, `joke`}},
	{name: "banner, LogLevel QUIET", config: bannerHost + " LogLevel QUIET\n", hushes: []string{`Be nice`, `others`, `joke`}},
	{name: "key file that others can read", config: unsafeKey, prepare: readable, says: []string{saysUnsafe}},
	{name: "key file that others can read, LogLevel ERROR", config: unsafeKey + " LogLevel ERROR\n", prepare: readable, says: []string{saysUnsafe}},
	{name: "key file that others can read, LogLevel QUIET", config: unsafeKey + " LogLevel QUIET\n", prepare: readable, hushes: []string{`unsafe`}},
	{
		name: "key added to known_hosts", config: stranger + " StrictHostKeyChecking accept-new\n HashKnownHosts no\n",
		says: []string{`^Warning: Permanently added '\[devbox\]:2203'|^mosha: added the ED25519 host key of \[devbox\]:2203 to `},
	},
	{
		name: "key added to known_hosts, LogLevel ERROR", config: stranger + " StrictHostKeyChecking accept-new\n HashKnownHosts no\n LogLevel ERROR\n",
		hushes: []string{`added`, `2203`},
	},
	{
		name: "changed key let pass", typical: true, config: "Host box\n StrictHostKeyChecking no\n", prepare: wrongKey,
		says: []string{`^Offending ED25519 key in \S+known_hosts:1|^mosha: WARNING: the ED25519 host key of devbox is not the one in \S+known_hosts:1;`},
	},
	{name: "unknown host key, an answer of two words", config: stranger + " HashKnownHosts no\n", prepare: answersAloud("yes please"), hushes: []string{`Please type`}},
}

const (
	bannerHost = "Host box\n Port 2208\n"
	theBanner  = "Be nice\n\n   to others. WARNING: no joke\n"
	unsafeKey  = "Host box\n IdentityFile ~/.ssh/unsafe\n IdentityFile ~/.ssh/id_ed25519\n"
	saysUnsafe = `^Permissions 0644 for '\S+/unsafe' are too open|^mosha: \S+/unsafe is not used: others can read it`
)

// otherNames lets the stranger's key be known, as another host's.
func otherNames(p *seat) {
	p.must(p.me.WriteFile(".ssh/known_hosts", "elsewhere "+p.keyOf("stranger")+"\n", 0o600))
}

// readable makes a copy of the key that others can read.
func readable(p *seat) {
	copyKey(".ssh/unsafe")(p)
	p.must(p.me.Command(p.ctx(), "chmod", "644", ".ssh/unsafe").Run())
}

// answersAloud is answers by a program that shows the questions.
func answersAloud(text string) func(*seat) {
	return askpass(`printf "%s\n" "$1" >&2; echo '` + text + `'`)
}

// typesFingerprint has the stranger's fingerprint in that hash typed to the
// first question, and no to the next.
func typesFingerprint(hash string) func(*seat) {
	return func(p *seat) {
		p.must(p.me.WriteFile("stranger.pub", p.keyOf("stranger")+"\n", 0o600))
		out, err := p.me.Command(p.ctx(), "ssh-keygen", "-l", "-E", hash, "-f", "stranger.pub").Output()
		p.must(err)
		askpass(`printf "%s\n" "$1" >&2; case $1 in Please*) echo no;; *) echo ` + strings.Fields(string(out))[1] + `;; esac`)(p)
	}
}
