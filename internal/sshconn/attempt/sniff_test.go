package attempt

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
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
		p = append(p, ssh.Marshal(struct{ Field string }{f})...)
	}
	return plainPacket(p...)
}

// kexInit is a KEXINIT whose last field but one, first_kex_packet_follows, is
// that.
func kexInit(guess byte) string {
	p := append([]byte{20}, bytes.Repeat([]byte("x"), 1000)...)
	return string(plainPacket(append(p, guess, 0, 0, 0, 0)...))
}

// TestSniffer: a reply counts only where ssh can have taken no other packet for
// it. OpenSSH answers a packet that it does not expect with UNIMPLEMENTED and
// goes on, and passes over one that was guessed wrong.
func TestSniffer(t *testing.T) {
	const version = "SSH-2.0-x\r\n"
	ignore, debug := string(message(2, "padding")), string(plainPacket(4, 0))
	reply31, reply33 := string(message(31, "key", "eph", "sig")), string(message(33, "key", "f", "sig"))
	group := string(message(31, "prime", "generator"))
	newKeys := string(plainPacket(21))
	asked := version + kexInit(0)
	for _, test := range []struct {
		name, in      string
		banner, found bool
	}{
		{"plain", asked + reply31 + newKeys, true, true},
		{"group exchange", asked + group + reply33 + newKeys, true, true},
		{"lines before the version", "hello\nSSH\nx\r\n" + version + ignore + kexInit(0) + ignore + debug + reply31, true, true},
		{"encrypted rest", asked + reply31 + newKeys + "\xff\xff\xff\xffgarbage", true, true},
		{"a thousand lines", strings.Repeat(strings.Repeat("x", 255)+"\r\n", 1023) + asked + reply31, true, true},
		{"as long a line as ssh takes", strings.Repeat("x", maxVersionLine) + "\n" + asked + reply31, true, true},
		{"no version yet", "SSH-\r\n" + asked + reply31, true, true},
		{"no version", "hello\nthere", false, false},
		{"no reply", asked + newKeys + reply31, true, false},
		{"too long a packet", asked + "\x7f\xff\xff\xff\x00" + reply31, true, false},
		{"padding longer than the packet", asked + "\x00\x00\x00\x05\x05aaaa" + reply31, true, false},
		{"empty packet", asked + "\x00\x00\x00\x00\x00" + reply31, true, false},
		{"endless line", strings.Repeat("x", maxVersionLine+1) + "\n" + asked + reply31, false, false},
		{"empty fields", asked + string(message(31, "", "eph", "sig")) + newKeys, true, false},
		{"a field too many", asked + string(message(31, "key", "eph", "sig", "more")) + newKeys, true, false},
		{"a length beyond the message", asked + string(plainPacket(31, 0, 0, 0, 99, 1)) + newKeys, true, false},
		{"a reply before KEXINIT", version + reply31 + kexInit(0) + string(message(31, "other", "eph", "sig")), true, false},
		{"a guessed reply", version + kexInit(1) + reply31 + string(message(31, "other", "eph", "sig")), true, false},
		{"a reply of a group exchange first", asked + reply33 + newKeys + string(message(31, "other", "eph", "sig")), true, false},
		{"a reply in place of the group", asked + reply33 + group + string(message(33, "other", "eph", "sig")), true, false},
		{"two groups", asked + group + group + reply33, true, false},
		{"a reply after the group", asked + group + reply31 + reply33, true, false},
		{"two KEXINITs", asked + kexInit(0) + reply31, true, false},
		{"a packet that ssh does not expect", asked + string(message(80, "x")) + reply31, true, false},
	} {
		for _, size := range []int{1, 7, 1 << 20} {
			var s serverSniffer
			for rest := []byte(test.in); len(rest) > 0; {
				n := min(size, len(rest))
				s.feed(rest[:n], &s)
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

// TestSnifferKnowsKerberos: what we say ourselves tells whether a host key is
// needed at all.
func TestSnifferKnowsKerberos(t *testing.T) {
	for name, test := range map[string]struct {
		first    []byte
		kerberos bool
	}{
		"ECDH":                    {message(30, "eph"), false},
		"group exchange":          {plainPacket(34, 0, 0, 8, 0, 0, 0, 16, 0, 0, 0, 32, 0), false},
		"the old one":             {plainPacket(30, 0, 0, 8, 0), false},
		"Kerberos":                {message(30, "token", "e"), true},
		"Kerberos with a group":   {plainPacket(40, 0, 0, 8, 0, 0, 0, 16, 0, 0, 0, 32, 0), true},
		"not a key exchange":      {message(50, "user", "service"), false},
		"only more of the method": {message(41, "x"), false},
	} {
		var s clientSniffer
		s.feed([]byte("SSH-2.0-OpenSSH_9.2\r\n"+kexInit(0)), &s)
		s.feed(append(test.first, message(30, "token", "e")...), &s)
		if s.kerberos != test.kerberos {
			t.Errorf("%s: Kerberos %v", name, s.kerberos)
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
		var s serverSniffer
		s.feed([]byte(line), &s)
		if s.openSSH != want {
			t.Errorf("%q: OpenSSH %v", line, s.openSSH)
		}
	}
}

func TestSnifferKnowsTinysshd(t *testing.T) {
	for line, want := range map[string]bool{
		"SSH-2.0-tinyssh_20230101 abcdef\r\n": true,
		"SSH-2.0-tinysshnoneauthd\r\n":        false,
		"SSH-2.0-OpenSSH_9.2 tinyssh_\r\n":    false,
	} {
		var s serverSniffer
		s.feed([]byte(line), &s)
		if s.tiny != want {
			t.Errorf("%q: tinysshd %v", line, s.tiny)
		}
	}
}

func FuzzSniffer(f *testing.F) {
	f.Add([]byte("SSH-2.0-x\r\n"), 3)
	f.Add(append([]byte("x\nSSH-2.0-x\n"+kexInit(0)), message(31, "key", "eph", "sig")...), 1)
	f.Add(append([]byte("SSH-2.0-x\n"+kexInit(0)), message(33, "key", "f", "sig")...), 100)
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		var pieces, whole sniffer
		size = max(1, size)
		for rest := in; len(rest) > 0; {
			n := min(size, len(rest))
			for _, s := range []struct {
				*side
				reader
			}{{&pieces.server.side, &pieces.server}, {&pieces.client.side, &pieces.client}} {
				s.feed(rest[:n], s.reader)
				if len(s.buf) > maxPacket+maxVersionLine+4+size {
					t.Fatalf("%d bytes are kept", len(s.buf))
				}
			}
			rest = rest[n:]
		}
		whole.server.feed(in, &whole.server)
		whole.client.feed(in, &whole.client)
		if whole.server.found != pieces.server.found || !bytes.Equal(whole.server.reply.signature, pieces.server.reply.signature) {
			t.Errorf("found %v as a whole, %v in pieces", whole.server.found, pieces.server.found)
		}
		if whole.client.kerberos != pieces.client.kerberos {
			t.Errorf("Kerberos %v as a whole, %v in pieces", whole.client.kerberos, pieces.client.kerberos)
		}
	})
}
