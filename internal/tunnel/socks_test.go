package tunnel

import (
	"bytes"
	"strings"
	"testing"
)

// client is a SOCKS client that has said all that it will.
type client struct {
	*bytes.Reader
	told bytes.Buffer
}

func (c *client) Write(p []byte) (int, error) { return c.told.Write(p) }

func TestReadSOCKS(t *testing.T) {
	long := strings.Repeat("n", 255)
	for name, c := range map[string]struct {
		said string
		want Endpoint // zero: refused
		told string
	}{
		"4":               {"\x04\x01\x00\x50\x0a\x00\x00\x01user\x00rest", Endpoint{Host: "10.0.0.1", Port: 80}, ""},
		"4a":              {"\x04\x01\x00\x50\x00\x00\x00\x01\x00example.org\x00rest", Endpoint{Host: "example.org", Port: 80}, ""},
		"4, all zero":     {"\x04\x01\x00\x50\x00\x00\x00\x00\x00rest", Endpoint{Host: "0.0.0.0", Port: 80}, ""},
		"4, bind":         {"\x04\x02\x00\x50\x0a\x00\x00\x01\x00", Endpoint{}, "\x00\x5b\x00\x00\x00\x00\x00\x00"},
		"4, endless":      {"\x04\x01\x00\x50\x0a\x00\x00\x01" + strings.Repeat("u", 2000), Endpoint{}, ""},
		"4a, no name":     {"\x04\x01\x00\x50\x00\x00\x00\x01\x00\x00", Endpoint{}, "\x00\x5b\x00\x00\x00\x00\x00\x00"},
		"5, IPv4":         {"\x05\x01\x00\x05\x01\x00\x01\x7f\x00\x00\x01\x01\xbbrest", Endpoint{Host: "127.0.0.1", Port: 443}, "\x05\x00"},
		"5, name":         {"\x05\x02\x02\x00\x05\x01\x00\x03\xff" + long + "\x01\xbbrest", Endpoint{Host: long, Port: 443}, "\x05\x00"},
		"5, IPv6":         {"\x05\x01\x00\x05\x01\x00\x04" + strings.Repeat("\x00", 15) + "\x01\x01\xbbrest", Endpoint{Host: "::1", Port: 443}, "\x05\x00"},
		"5, with a login": {"\x05\x01\x02", Endpoint{}, "\x05\xff"},
		"5, associate":    {"\x05\x01\x00\x05\x03\x00\x01\x7f\x00\x00\x01\x01\xbb", Endpoint{}, "\x05\x00\x05\x07\x00\x01\x00\x00\x00\x00\x00\x00"},
		"5, other type":   {"\x05\x01\x00\x05\x01\x00\x02", Endpoint{}, "\x05\x00\x05\x08\x00\x01\x00\x00\x00\x00\x00\x00"},
		"5, zero in name": {"\x05\x01\x00\x05\x01\x00\x03\x03a\x00b\x01\xbb", Endpoint{}, "\x05\x00\x05\x01\x00\x01\x00\x00\x00\x00\x00\x00"},
		"5, in pieces":    {"\x05\x01\x00\x05\x01", Endpoint{}, "\x05\x00"},
		"HTTP":            {"GET / HTTP/1.0\r\n\r\n", Endpoint{}, ""},
		"nothing":         {"", Endpoint{}, ""},
	} {
		c2 := &client{Reader: bytes.NewReader([]byte(c.said))}
		r, err := readSOCKS(c2)
		if (err == nil) != (c.want != Endpoint{}) || err == nil && (r.target != c.want || c2.Len() != len("rest")) {
			t.Errorf("%s: %+v, %v, and %d bytes left", name, r, err, c2.Len())
		}
		if c2.told.String() != c.told {
			t.Errorf("%s: told %q", name, c2.told.String())
		}
	}
}

func FuzzSOCKS(f *testing.F) {
	f.Add([]byte("\x04\x01\x00\x50\x00\x00\x00\x01\x00example.org\x00rest"))
	f.Add([]byte("\x05\x01\x00\x05\x01\x00\x03\x03abc\x01\xbbrest"))
	f.Fuzz(func(t *testing.T, said []byte) {
		c := &client{Reader: bytes.NewReader(said)}
		r, err := readSOCKS(c)
		if read := len(said) - c.Len(); read > 8+maxSOCKS4+256 {
			t.Errorf("read %d bytes", read)
		}
		if c.told.Len() > 12 {
			t.Errorf("told %d bytes", c.told.Len())
		}
		if err == nil && (r.target.Host == "" || len(r.target.Host) > maxSOCKS4 || strings.ContainsAny(r.target.Host, "\x00\n ") || r.target.Port > 65535) {
			t.Errorf("%+v", r)
		}
	})
}
