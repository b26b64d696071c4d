package sshconn

import (
	"bytes"
	"encoding/binary"
)

// Message numbers of RFC 4253, section 12, and RFC 4419, section 5.
const (
	msgNewKeys     = 21
	msgKexReply    = 31 // KEXDH_REPLY, KEX_ECDH_REPLY; but DH_GEX_GROUP too
	msgKexGexReply = 33
)

// Limits of golang.org/x/crypto/ssh: whoever exceeds them is cut off there.
const (
	maxPacket      = 256 << 10
	maxVersionLine = 255
)

// kexReply is what the server's key exchange reply shows.
type kexReply struct {
	hostKey   []byte // K_S
	signature []byte
}

// sniffer reads the server's first bytes, up to the end of the key exchange,
// which are not encrypted, to find its reply. x/crypto keeps the signature to
// itself, and session-bind needs it.
//
//	lines --"SSH-..."--> packets --reply--> done
//	                        \------NEWKEYS, bad packet--> done
//
// The bytes are hostile. What is kept is bounded by one packet.
type sniffer struct {
	state   sniffState
	buf     []byte
	reply   kexReply
	banner  bool // the version line was seen
	openSSH bool // and says that the server is OpenSSH's
	found   bool
}

type sniffState int

const (
	sniffLines sniffState = iota
	sniffPackets
	sniffDone
)

// feed takes the next bytes from the server.
func (s *sniffer) feed(b []byte) {
	if s.state == sniffDone {
		return
	}
	s.buf = append(s.buf, b...)
	for s.step() {
	}
	if s.state == sniffDone {
		s.buf = nil
	}
}

// step takes one line or packet from buf, and says whether there may be another.
func (s *sniffer) step() bool {
	switch s.state {
	case sniffLines:
		return s.line()
	case sniffPackets:
		return s.packet()
	}
	return false
}

func (s *sniffer) line() bool {
	length, complete := len(s.buf), false
	if end := bytes.IndexByte(s.buf, '\n'); end >= 0 {
		length, complete = end, true
	}
	if length > maxVersionLine {
		s.state = sniffDone
		return false
	}
	if !complete {
		return false
	}
	if bytes.HasPrefix(s.buf, []byte("SSH-")) {
		s.banner, s.openSSH = true, isOpenSSH(s.buf)
		s.state = sniffPackets
	}
	s.buf = s.buf[length+1:]
	return true
}

// isOpenSSH says whether a version line (RFC 4253, section 4.2) is that of
// OpenSSH's sshd, of whatever version.
func isOpenSSH(line []byte) bool {
	for _, protocol := range []string{"SSH-2.0-", "SSH-1.99-"} {
		if bytes.HasPrefix(line, []byte(protocol+"OpenSSH_")) {
			return true
		}
	}
	return false
}

// packet takes a packet of RFC 4253, section 6: uint32 length, byte padding
// length, payload, padding; there is no MAC yet.
func (s *sniffer) packet() bool {
	if len(s.buf) < 5 {
		return false
	}
	length := binary.BigEndian.Uint32(s.buf)
	padding := uint32(s.buf[4])
	if length > maxPacket || length < padding+2 {
		s.state = sniffDone
		return false
	}
	if uint32(len(s.buf))-4 < length {
		return false
	}
	s.payload(s.buf[5 : 4+length-padding])
	s.buf = s.buf[4+length:]
	return s.state == sniffPackets
}

func (s *sniffer) payload(p []byte) {
	switch p[0] {
	case msgNewKeys:
		s.state = sniffDone
	case msgKexReply, msgKexGexReply:
		if reply, ok := parseKexReply(p[1:]); ok {
			s.reply, s.found = reply, true
			s.state = sniffDone
		}
	}
}

// parseKexReply reads string K_S, a string or mpint of the method's, string
// signature, and nothing else: a DH_GEX_GROUP has two fields only.
func parseKexReply(p []byte) (kexReply, bool) {
	hostKey, p, ok1 := cutString(p)
	_, p, ok2 := cutString(p)
	signature, p, ok3 := cutString(p)
	if !ok1 || !ok2 || !ok3 || len(p) != 0 || len(hostKey) == 0 || len(signature) == 0 {
		return kexReply{}, false
	}
	return kexReply{hostKey: bytes.Clone(hostKey), signature: bytes.Clone(signature)}, true
}

func cutString(b []byte) (s, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n], b[4+n:], true
}
