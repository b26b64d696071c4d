package hostkey

import "golang.org/x/crypto/ssh"

// cutString reads a string (RFC 4251, section 5).
func cutString(b []byte) (s, rest []byte, ok bool) {
	var field struct {
		Value []byte
		Rest  []byte `ssh:"rest"`
	}
	err := ssh.Unmarshal(b, &field)
	return field.Value, field.Rest, err == nil
}

// appendString writes one.
func appendString(b, s []byte) []byte {
	return append(b, ssh.Marshal(struct{ Value []byte }{s})...)
}
