//go:build linux

package main_test

const (
	rightPassword = "Battery-Staple-42"
	passphrase    = "open sesame"
)

const byPassword = "Host box\n Port 2206\n PubkeyAuthentication no\n"

// askedRows are about what a person is asked, through SSH_ASKPASS.
var askedRows = []row{
	{name: "key with a passphrase", typical: true, prepare: all(lock, answers(passphrase))},
	{name: "key with a passphrase, wrong answer", prepare: all(lock, answers("wrong")), fails: noKey},
	{name: "key with a passphrase, nobody to ask", prepare: all(lock, env("SSH_ASKPASS_REQUIRE", "never")), fails: noKey},
	{name: "BatchMode", typical: true, config: "Host box\n BatchMode yes\n", prepare: all(lock, answers(passphrase)), fails: noKey},
	{name: "password", config: byPassword, prepare: answers(rightPassword)},
	{name: "password, wrong answer", config: byPassword, prepare: answers("wrong"), fails: noKey},
	{name: "password, the second answer is right", typical: true, config: byPassword, prepare: answersWrongFirst},
	{name: "NumberOfPasswordPrompts", config: byPassword + " NumberOfPasswordPrompts 1\n", prepare: answers("wrong"), fails: noKey},
	{name: "NumberOfPasswordPrompts 0, by key", config: "Host box\n NumberOfPasswordPrompts 0\n", prepare: answers("wrong")},
	{name: "PasswordAuthentication no", config: byPassword + " PasswordAuthentication no\n", prepare: answers(rightPassword), fails: noKey},
	{name: "PreferredAuthentications password", config: "Host box\n Port 2206\n PreferredAuthentications password\n", prepare: answers(rightPassword)},
	{name: "PreferredAuthentications without publickey", config: "Host box\n PreferredAuthentications password\n", prepare: answers(rightPassword), fails: noKey},
	{name: "key and password", typical: true, config: "Host box\n Port 2207\n", prepare: answers(rightPassword)},
	{name: "key and password, wrong answer", config: "Host box\n Port 2207\n", prepare: answers("wrong"), fails: noKey},
	{name: "unknown host key, yes", typical: true, config: stranger + " HashKnownHosts no\n", prepare: answers("yes")},
	{name: "unknown host key, no", config: stranger, prepare: answers("no"), fails: noHostKey},
	{name: "hop with a passphrase", typical: true, config: jump + "Host hop\n IdentityFile ~/.ssh/locked\n IdentitiesOnly yes\n", prepare: all(lockCopy, answers(passphrase))},
	{name: "hop with a passphrase, wrong answer", config: jump + "Host hop\n IdentityFile ~/.ssh/locked\n IdentitiesOnly yes\n", prepare: all(lockCopy, answers("wrong")), fails: noNetwork},
	{name: "hop with an unknown host key", config: "Host box\n ProxyJump {hop}@hop.lab:2203\nHost *\n HashKnownHosts no\n", prepare: answers("yes")},
}

// lock gives the key a passphrase.
func lock(p *seat) { p.setPassphrase(".ssh/id_ed25519") }

// lockCopy makes a copy of the key, with a passphrase.
func lockCopy(p *seat) {
	copyKey(".ssh/locked")(p)
	p.setPassphrase(".ssh/locked")
}

func (p *seat) setPassphrase(file string) {
	p.must(p.me.Command(p.ctx(), "ssh-keygen", "-q", "-p", "-N", passphrase, "-f", file).Run())
}

// answers has every question answered so.
func answers(text string) func(*seat) { return askpass("echo '" + text + "'") }

// answersWrongFirst has the first, third ... question answered wrongly.
func answersWrongFirst(p *seat) {
	askpass("if [ -e asked ]; then rm asked; echo " + rightPassword + "; else touch asked; echo wrong; fi")(p)
}

// askpass makes a program that answers in place of a terminal.
func askpass(script string) func(*seat) {
	return all(func(p *seat) {
		p.must(p.me.WriteFile("askpass", "#!/bin/sh\ncd\n"+script+"\n", 0o700))
	}, env("SSH_ASKPASS", "{home}/askpass"), env("SSH_ASKPASS_REQUIRE", "force"))
}
