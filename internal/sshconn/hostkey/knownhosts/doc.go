// Package knownhosts decides about host keys by the known_hosts files, with
// OpenSSH's own semantics (hostfile.c and sshconnect.c, check_host_key): any
// file that ssh reads is read, and the same lines are skipped.
//
// Where ssh would go on in spite of a revoked key (StrictHostKeyChecking no, or
// a revocation found only without the port), this package says Revoked.
//
// It is a leaf: it asks nobody, runs nothing, and writes only when Append or
// Update.Apply is called.
package knownhosts
