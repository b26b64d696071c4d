// Package attempt has what one try to open a connection has for either transport:
// the way to the server, clocks and limits, and the stream that SSH is spoken
// over, whose unencrypted beginning it reads.
//
//	attempt.go:   the way to the server
//	handshake.go: from there to the end of the login, within the limits of clocks.go
//	stream.go:    what goes by meanwhile; sniff.go reads its beginning
package attempt
