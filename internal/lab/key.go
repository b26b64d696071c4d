//go:build linux

package lab

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Key is a pair of key files made by ssh-keygen.
type Key struct {
	Path string // of the private key; the public one is at Path.pub
	// Pub is the public key as in authorized_keys, without a newline.
	Pub string
}

// NewKey makes the key ~/.ssh/NAME of that type (ed25519, rsa, ecdsa) with
// ssh-keygen(1). It has no passphrase unless args, which are passed on, say
// -N.
func (u *User) NewKey(name, keyType string, args ...string) (Key, error) {
	if err := u.makeSSHDir(); err != nil {
		return Key{}, err
	}
	file := u.Path(path.Join(".ssh", name))
	args = slices.Concat([]string{"-q", "-f", file, "-C", name}, keyKind(keyType), args)
	if !slices.Contains(args, "-N") {
		args = append(args, "-N", "")
	}
	out, err := u.Command(context.Background(), "ssh-keygen", args...).CombinedOutput()
	if err != nil {
		return Key{}, fmt.Errorf("ssh-keygen: %w: %s", err, out)
	}
	pub, err := u.ReadFile(file + ".pub")
	return Key{Path: file, Pub: strings.TrimSpace(pub)}, err
}

// keyKind returns ssh-keygen's arguments for a key's type. An RSA key is of the
// shortest length that ssh takes, since a long one takes long to make.
func keyKind(keyType string) []string {
	if keyType == "rsa" {
		return []string{"-t", keyType, "-b", "2048"}
	}
	return []string{"-t", keyType}
}

func (u *User) makeSSHDir() error {
	return u.Machine.place.do(func() error { return u.makeDirs(u.Path(".ssh")) })
}

// Authorize lets the owners of these public keys log in as the user. A line
// may begin with options, as sshd(8) describes.
func (u *User) Authorize(lines ...string) error {
	return u.AppendFile(".ssh/authorized_keys", strings.Join(lines, "\n")+"\n")
}

// KnowHost adds lines to the user's known_hosts.
func (u *User) KnowHost(lines ...string) error {
	return u.AppendFile(".ssh/known_hosts", strings.Join(lines, "\n")+"\n")
}
