//go:build linux

package main_test

import (
	"strings"
)

const (
	anMD5 = `MD5:([0-9a-f]{2}:){15}[0-9a-f]{2}`
	anArt = `\+-+\[ED25519 256\]-+\+\n(\|.{17}\|\n){9}`
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
	{name: "VisualHostKey, unknown key", config: stranger + " VisualHostKey yes\n", prepare: answersAloud("yes"), says: []string{`fingerprint is:? SHA256:.*\n` + anArt}},
	{name: "VisualHostKey, LogLevel ERROR", config: "Host box\n VisualHostKey yes\n LogLevel ERROR\n", hushes: []string{`ED25519`, `SHA256`}},
	{
		name: "unknown host key, known by other names", config: stranger + " HashKnownHosts no\n",
		prepare: all(otherNames, answersAloud("yes")), says: []string{`following other names/addresses:\n +\S+known_hosts:1: elsewhere\nAre you`},
	},
	{name: "unknown host key, an answer of two words", config: stranger + " HashKnownHosts no\n", prepare: answersAloud("yes please"), hushes: []string{`Please type`}},
}

// otherNames lets the stranger's key be known, as another host's.
func otherNames(p *seat) {
	p.must(p.me.WriteFile(".ssh/known_hosts", "elsewhere "+p.keyOf("stranger")+"\n", 0o600))
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
