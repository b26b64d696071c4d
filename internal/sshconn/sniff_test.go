package sshconn

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// plainPacket frames a payload as RFC 4253, section 6, without MAC.
func plainPacket(payload ...byte) []byte {
	const padding = 4
	b := binary.BigEndian.AppendUint32(nil, uint32(1+len(payload)+padding))
	b = append(b, padding)
	b = append(b, payload...)
	return append(b, make([]byte, padding)...)
}

func message(number byte, fields ...string) []byte {
	p := []byte{number}
	for _, f := range fields {
		p = appendString(p, []byte(f))
	}
	return plainPacket(p...)
}

func TestSniffer(t *testing.T) {
	const version = "SSH-2.0-x\r\n"
	kexinit := string(plainPacket(append([]byte{20}, bytes.Repeat([]byte("x"), 1000)...)...))
	ignore := string(message(2, "padding"))
	reply31, reply33 := string(message(31, "key", "eph", "sig")), string(message(33, "key", "f", "sig"))
	group := string(message(31, "prime", "generator"))
	newKeys := string(plainPacket(21))
	for _, test := range []struct {
		name, in      string
		banner, found bool
	}{
		{"plain", version + kexinit + reply31 + newKeys, true, true},
		{"group exchange", version + kexinit + group + reply33 + newKeys, true, true},
		{"lines before the version", "hello\nSSH\nx\r\n" + version + ignore + kexinit + ignore + reply31, true, true},
		{"encrypted rest", version + kexinit + reply31 + newKeys + "\xff\xff\xff\xffgarbage", true, true},
		{"no version", "hello\nthere", false, false},
		{"no reply", version + kexinit + newKeys + reply31, true, false},
		{"too long a packet", version + "\x7f\xff\xff\xff\x00" + reply31, true, false},
		{"padding longer than the packet", version + "\x00\x00\x00\x05\x05aaaa" + reply31, true, false},
		{"empty packet", version + "\x00\x00\x00\x00\x00" + reply31, true, false},
		{"endless line", strings.Repeat("x", 300) + "\n" + version + reply31, false, false},
		{"empty fields", version + string(message(31, "", "eph", "sig")) + newKeys, true, false},
		{"a field too many", version + string(message(31, "key", "eph", "sig", "more")) + newKeys, true, false},
		{"a length beyond the message", version + string(plainPacket(31, 0, 0, 0, 99, 1)) + newKeys, true, false},
	} {
		for _, size := range []int{1, 7, 1 << 20} {
			var s sniffer
			for rest := []byte(test.in); len(rest) > 0; {
				n := min(size, len(rest))
				s.feed(rest[:n])
				rest = rest[n:]
			}
			if s.banner != test.banner || s.found != test.found {
				t.Errorf("%s in pieces of %d: banner %v, found %v", test.name, size, s.banner, s.found)
			}
			if s.found && (string(s.reply.hostKey) != "key" || string(s.reply.signature) != "sig") {
				t.Errorf("%s: reply %q", test.name, s.reply)
			}
		}
	}
}

func TestSnifferKnowsOpenSSH(t *testing.T) {
	for line, want := range map[string]bool{
		"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\r\n": true,
		"SSH-1.99-OpenSSH_3.9\n":                      true,
		"welcome\r\nSSH-2.0-OpenSSH_10.1\r\n":         true,
		"SSH-2.0-dropbear_2022.83\r\n":                false,
		"SSH-2.0-Go OpenSSH_9.2\r\n":                  false,
		"OpenSSH_9.2\r\nSSH-2.0-x\r\n":                false,
		"SSH-2.0-OpenSSH":                             false,
	} {
		var s sniffer
		s.feed([]byte(line))
		if s.openSSH != want {
			t.Errorf("%q: OpenSSH %v", line, s.openSSH)
		}
	}
}

func FuzzSniffer(f *testing.F) {
	f.Add([]byte("SSH-2.0-x\r\n"), 3)
	f.Add(append([]byte("x\nSSH-2.0-x\n"), message(31, "key", "eph", "sig")...), 1)
	f.Add(append([]byte("SSH-2.0-x\n"), message(33, "key", "f", "sig")...), 100)
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		var pieces, whole sniffer
		size = max(1, size)
		for rest := in; len(rest) > 0; {
			n := min(size, len(rest))
			pieces.feed(rest[:n])
			rest = rest[n:]
			if len(pieces.buf) > maxPacket+maxVersionLine+4+size {
				t.Fatalf("%d bytes are kept", len(pieces.buf))
			}
		}
		whole.feed(in)
		if whole.found != pieces.found || !bytes.Equal(whole.reply.signature, pieces.reply.signature) {
			t.Errorf("found %v as a whole, %v in pieces", whole.found, pieces.found)
		}
	})
}
