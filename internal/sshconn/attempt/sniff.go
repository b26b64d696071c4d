package attempt

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// Message numbers of RFC 4253, section 12, RFC 4419, section 5, and RFC 4462,
// section 2.
const (
	msgIgnore        = 2
	msgUnimplemented = 3
	msgDebug         = 4
	msgKexInit       = 20
	msgKexStart      = 30 // KEXDH_INIT, KEX_ECDH_INIT; KEXGSS_INIT has one field more
	msgKexReply      = 31 // KEXDH_REPLY, KEX_ECDH_REPLY; but DH_GEX_GROUP too
	msgKexGexReply   = 33
	msgKexGSSGroup   = 40 // KEXGSS_GROUPREQ
)

// Limits on what may come before the keys. OpenSSH's are wider than those of
// golang.org/x/crypto/ssh, which ends a connection that exceeds its own.
const (
	maxPacket      = 256 << 10
	maxVersionLine = 8 << 10
)

// kexReply is what the server's key exchange reply shows.
type kexReply struct {
	hostKey   []byte // K_S
	signature []byte
}

// side takes apart what one side says in the clear: lines up to the version,
// then packets. It keeps one packet at most.
//
//	lines --"SSH-..."--> packets --the reader has enough, or a bad one--> done
type side struct {
	state sniffState
	buf   []byte
	lines []byte // those before the version, as far as an error shows them
}

type sniffState int

const (
	sniffLines sniffState = iota
	sniffPackets
	sniffDone
)

// reader takes what a side has found. packet returns false when it has enough.
type reader interface {
	version(line []byte)
	packet(payload []byte) (more bool)
}

// feed takes the next bytes.
func (s *side) feed(b []byte, to reader) {
	if s.state == sniffDone {
		return
	}
	s.buf = append(s.buf, b...)
	for s.step(to) {
	}
	if s.state == sniffDone {
		s.buf = nil
	}
}

// step takes one line or packet from buf, and reports whether there may be
// another.
func (s *side) step(to reader) bool {
	switch s.state {
	case sniffLines:
		return s.line(to)
	case sniffPackets:
		return s.nextPacket(to)
	}
	return false
}

// line takes a line as OpenSSH does (kex.c, kex_exchange_identification): the
// carriage returns at its end are no part of it, and "SSH-" alone is no version.
func (s *side) line(to reader) bool {
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
	if line := bytes.TrimRight(s.buf[:length], "\r"); len(line) > 4 && bytes.HasPrefix(line, []byte("SSH-")) {
		to.version(line)
		s.state, s.lines = sniffPackets, nil
	} else if left := sshconn.MaxWords - len(s.lines); left > 0 {
		s.lines = append(s.lines, s.buf[:min(length+1, left)]...)
	}
	s.buf = s.buf[length+1:]
	return true
}

// instead returns what was said in place of a version, in one line.
func (s *side) instead() string {
	text := s.lines
	if s.state == sniffLines {
		text = append(slices.Clone(text), s.buf...) // the last line has no end
	}
	return sshconn.Words(string(bytes.Join(bytes.Fields(text), []byte(" "))))
}

// nextPacket takes a packet of RFC 4253, section 6: uint32 length, byte padding
// length, payload, padding; there is no MAC yet.
func (s *side) nextPacket(to reader) bool {
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
	if !to.packet(s.buf[5 : 4+length-padding]) {
		s.state = sniffDone
	}
	s.buf = s.buf[4+length:]
	return s.state == sniffPackets
}

// sniffer reads the unencrypted beginning of a handshake, to find the server's
// key exchange reply. That has the host key, which the transport judges, and
// the signature, which session-bind needs.
//
// The server's bytes are hostile. OpenSSH passes over packets that it does not
// expect, so a server could show one key to the sniffer and another to ssh. So a
// reply counts only where ssh can take no other packet for it: as the first one
// after KEXINIT, or as the second if the first has the two fields of a group, and
// only if KEXINIT announces no guessed packet.
type sniffer struct {
	server serverSniffer
	client clientSniffer
}

// serverSniffer reads the server's side.
//
//	version --KEXINIT--> asked --31, three fields-----> found
//	                       \--31, two--> group --33----> found
//	anything else but IGNORE, DEBUG and UNIMPLEMENTED: done without a reply
type serverSniffer struct {
	side
	banner  bool // the version line was seen
	openSSH bool // and says that the server is OpenSSH's
	tiny    bool // or tinysshd
	asked   bool // KEXINIT was seen
	quantum bool // and offers a post-quantum key exchange
	group   bool // DH_GEX_GROUP was seen
	found   bool
	reply   kexReply
}

func (s *serverSniffer) version(line []byte) {
	s.banner, s.openSSH, s.tiny = true, saysSoftware(line, "OpenSSH_"), saysSoftware(line, "tinyssh_")
}

func (s *serverSniffer) packet(p []byte) (more bool) {
	switch number := p[0]; {
	case number == msgIgnore, number == msgUnimplemented, number == msgDebug:
		return true
	case number == msgKexInit && !s.asked:
		s.asked, s.quantum = true, offersQuantum(p)
		return !guesses(p)
	case number == msgKexReply && s.asked && !s.group && fields(p[1:]) == 2:
		s.group = true
		return true
	case number == msgKexReply && s.asked && !s.group, number == msgKexGexReply && s.group:
		s.reply, s.found = parseKexReply(p[1:])
	}
	return false
}

// guesses reports whether a KEXINIT announces a packet that is passed over if the
// guess is wrong (RFC 4253, section 7.1): the flag is before a uint32 at the end.
func guesses(p []byte) bool { return len(p) < 6 || p[len(p)-5] != 0 }

// offersQuantum reports whether a KEXINIT (RFC 4253, section 7.1: the names of
// key exchanges follow upon 16 bytes) has one that is post-quantum.
func offersQuantum(p []byte) bool {
	if len(p) < 17 {
		return false
	}
	names, _, _ := cutString(p[17:])
	return slices.ContainsFunc(strings.Split(string(names), ","), IsQuantum)
}

// IsQuantum reports whether a key exchange is one of OpenSSH's post-quantum ones
// (kex-names.c).
func IsQuantum(name string) bool {
	return strings.HasPrefix(name, "mlkem") || strings.HasPrefix(name, "sntrup")
}

// clientSniffer reads our side, up to what follows upon KEXINIT.
type clientSniffer struct {
	side
	kerberos bool // the key exchange is one of RFC 4462, which needs no host key
}

func (s *clientSniffer) version([]byte) {}

func (s *clientSniffer) packet(p []byte) (more bool) {
	if p[0] < msgKexStart {
		return true
	}
	s.kerberos = p[0] == msgKexStart && fields(p[1:]) == 2 || p[0] == msgKexGSSGroup
	return false
}

// saysSoftware reports whether the software in a version line (RFC 4253, section
// 4.2) begins like that.
func saysSoftware(line []byte, name string) bool {
	for _, protocol := range []string{"SSH-2.0-", "SSH-1.99-"} {
		if bytes.HasPrefix(line, []byte(protocol+name)) {
			return true
		}
	}
	return false
}

// parseKexReply reads string K_S, a string or mpint of the method's, string
// signature, and nothing else.
func parseKexReply(p []byte) (kexReply, bool) {
	if fields(p) != 3 {
		return kexReply{}, false
	}
	hostKey, p, _ := cutString(p)
	_, p, _ = cutString(p)
	signature, _, _ := cutString(p)
	if len(hostKey) == 0 || len(signature) == 0 {
		return kexReply{}, false
	}
	return kexReply{hostKey: bytes.Clone(hostKey), signature: bytes.Clone(signature)}, true
}

// fields counts the strings or mpints of which b is made, -1 if it is not.
func fields(b []byte) (n int) {
	for ok := false; len(b) > 0; n++ {
		if _, b, ok = cutString(b); !ok {
			return -1
		}
	}
	return n
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
