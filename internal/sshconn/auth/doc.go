// Package auth logs in over a connection whose server is the right one: which
// methods and keys are tried, in which order, and what a person is asked. It does
// what ssh does, and reports what it leaves to OpenSSH: FIDO key files, Kerberos,
// host-based logins, and key files that x/crypto cannot decrypt.
package auth
