// Package sshconfig finds out what the user's ssh configuration says about a
// destination. OpenSSH itself is asked (ssh -G), so Include, Match exec,
// Match final, CanonicalizeHostname and every command-line option mean what
// they mean to ssh; the package then expands what ssh -G leaves unexpanded.
//
// It is a leaf: it opens no connection and depends on nothing else of mosha.
package sshconfig
