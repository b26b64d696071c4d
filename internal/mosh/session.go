package mosh

import (
	"encoding/base64"
	"strconv"
	"strings"
)

// Session is what a CONNECT line says: the UDP port of a mosh-server and the
// key of its session. The key is not printed with it.
type Session struct {
	Port int // 1 to 65535
	key  [16]byte
}

// ParseConnect reads a CONNECT line, as [Classify] knows it.
func ParseConnect(line string) (Session, bool) {
	words := strings.Fields(line)
	if Classify(line) != Connect || len(words) != 4 {
		return Session{}, false
	}
	port, err := strconv.ParseUint(words[2], 10, 16)
	key, badKey := base64.RawStdEncoding.DecodeString(words[3])
	if err != nil || port == 0 || badKey != nil || len(key) != 16 {
		return Session{}, false
	}
	return Session{Port: int(port), key: [16]byte(key)}, true
}

// String names the session by its port.
func (s Session) String() string { return "mosh-server on UDP port " + strconv.Itoa(s.Port) }

// GoString keeps the key from %#v too.
func (s Session) GoString() string { return s.String() }
