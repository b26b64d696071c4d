package mosh

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
)

// Session is what a CONNECT line says: the UDP port of a mosh-server and the
// key of its session. The key is not printed with it.
type Session struct {
	Port int // 1 to 65535
	key  [16]byte
}

// connectPrefix begins the line with which mosh-server says that it listens.
const connectPrefix = "MOSH CONNECT "

// ParseConnect reads a CONNECT line (written by mosh-server.cc; mosh-client.cc
// and crypto.cc decide what counts). The error is a *ConnectError.
func ParseConnect(line string) (Session, error) {
	rest, ok := strings.CutPrefix(line, connectPrefix)
	portText, keyText, two := strings.Cut(strings.TrimRight(rest, " \t\r"), " ")
	if !ok || !two || strings.ContainsAny(keyText, " \t") {
		return Session{}, badConnect("form")
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return Session{}, badConnect("port")
	}
	key, err := base64.RawStdEncoding.Strict().DecodeString(keyText)
	if err != nil || len(key) != len(Session{}.key) || len(keyText) != base64.RawStdEncoding.EncodedLen(len(key)) {
		return Session{}, badConnect("key")
	}
	return Session{Port: int(port), key: [16]byte(key)}, nil
}

func badConnect(what string) error { return errors.New("bad " + what + " in its line MOSH CONNECT") }

// String names the session by its port.
func (s Session) String() string { return "mosh-server on UDP port " + strconv.Itoa(s.Port) }

// GoString keeps the key from %#v too.
func (s Session) GoString() string { return s.String() }
