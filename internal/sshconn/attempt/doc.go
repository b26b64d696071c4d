// Package attempt has what one try to open a connection has for either transport:
// the way to the server, clocks and limits, and the stream that SSH is spoken
// over, whose unencrypted beginning it reads.
package attempt
