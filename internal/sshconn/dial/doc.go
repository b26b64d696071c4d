// Package dial makes the TCP connection that SSH is to run over: it looks the
// host's name up, has its addresses race, and takes the end of this machine's
// that the configuration wants.
package dial
