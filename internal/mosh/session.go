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

// ConnectError says that a server's start has printed a CONNECT line that no
// client can use. It does not hold the key.
type ConnectError struct {
	Problem string // ConnectForm, ConnectPort or ConnectKey
}

// What is wrong with a CONNECT line.
const (
	ConnectForm = "form" // it is not "MOSH CONNECT PORT KEY"
	ConnectPort = "port" // not 1 to 65535
	ConnectKey  = "key"  // not 22 characters of base64 that stand for 16 bytes
)

func (e *ConnectError) Error() string { return "bad " + e.Problem + " in its line MOSH CONNECT" }

// connectPrefix begins the line with which mosh-server says that it listens.
const connectPrefix = "MOSH CONNECT "

// ParseConnect reads a CONNECT line (written by mosh-server.cc; mosh-client.cc
// and crypto.cc decide what counts). The error is a *ConnectError.
func ParseConnect(line string) (Session, error) {
	rest, ok := strings.CutPrefix(line, connectPrefix)
	portText, keyText, two := strings.Cut(strings.TrimRight(rest, " \t\r"), " ")
	if !ok || !two || strings.ContainsAny(keyText, " \t") {
		return Session{}, &ConnectError{ConnectForm}
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return Session{}, &ConnectError{ConnectPort}
	}
	key, err := base64.RawStdEncoding.Strict().DecodeString(keyText)
	if err != nil || len(key) != len(Session{}.key) || len(keyText) != base64.RawStdEncoding.EncodedLen(len(key)) {
		return Session{}, &ConnectError{ConnectKey}
	}
	return Session{Port: int(port), key: [16]byte(key)}, nil
}

// String names the session by its port.
func (s Session) String() string { return "mosh-server on UDP port " + strconv.Itoa(s.Port) }

// GoString keeps the key from %#v too.
func (s Session) GoString() string { return s.String() }
