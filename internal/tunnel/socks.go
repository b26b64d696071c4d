package tunnel

import (
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
)

// Errors of a SOCKS client.
var (
	errNotSOCKS = errors.New("not SOCKS")
	errCommand  = errors.New("SOCKS: a command other than CONNECT")
	errMethod   = errors.New("SOCKS: the client wants to log in")
)

// Versions, commands and replies of SOCKS 4 and 5 (RFC 1928).
const (
	socks4, socks5 = 4, 5
	socksConnect   = 1
	noLogin        = 0
	noMethod       = 0xff
	typeIPv4       = 1
	typeName       = 3
	typeIPv6       = 4

	granted4, rejected4 = 90, 91
	granted5, failed5   = 0, 1
	forbidden5          = 2
	unknownCommand5     = 7
	unknownType5        = 8
)

// maxSOCKS4 bounds user and name of SOCKS 4, in bytes, as ssh does.
const maxSOCKS4 = 1024

// socksRequest is where a client wants to go.
type socksRequest struct {
	version byte
	target  Endpoint
}

// readSOCKS takes a client's request for a connection by SOCKS 4, 4a or 5, and
// not one byte behind it. It answers what is no such request.
func readSOCKS(client io.ReadWriter) (socksRequest, error) {
	var version [1]byte
	if _, err := io.ReadFull(client, version[:]); err != nil {
		return socksRequest{}, err
	}
	r := socksRequest{version: version[0]}
	var err error
	switch r.version {
	case socks4:
		err = r.read4(client)
	case socks5:
		err = r.read5(client)
	default:
		err = errNotSOCKS
	}
	return r, err
}

// reply answers the request: SOCKS 5 has a code for each failure.
func (r socksRequest) reply(code byte) []byte {
	if r.version == socks5 {
		return []byte{socks5, code, 0, typeIPv4, 0, 0, 0, 0, 0, 0}
	}
	if code == granted5 {
		return []byte{0, granted4, 0, 0, 0, 0, 0, 0}
	}
	return []byte{0, rejected4, 0, 0, 0, 0, 0, 0}
}

func (r *socksRequest) refuse(client io.Writer, code byte, why error) error {
	_, _ = client.Write(r.reply(code))
	return why
}

// read4 reads command, port, address, user and, from 4a on, a name.
func (r *socksRequest) read4(client io.ReadWriter) error {
	var head [7]byte
	if _, err := io.ReadFull(client, head[:]); err != nil {
		return err
	}
	room := maxSOCKS4
	if _, err := readZero(client, &room); err != nil { // the user
		return err
	}
	r.target.Port = int(head[1])<<8 | int(head[2])
	address := [4]byte(head[3:])
	r.target.Host = netip.AddrFrom4(address).String()
	if address[0] == 0 && address[1] == 0 && address[2] == 0 && address[3] != 0 {
		name, err := readZero(client, &room)
		if err != nil {
			return err
		}
		r.target.Host = name
	}
	if head[0] != socksConnect {
		return r.refuse(client, failed5, errCommand)
	}
	return r.check(client)
}

// readZero reads a text that ends with a zero byte.
func readZero(client io.Reader, room *int) (string, error) {
	var text []byte
	for ; *room > 0; *room-- {
		var b [1]byte
		if _, err := io.ReadFull(client, b[:]); err != nil {
			return "", err
		}
		if b[0] == 0 {
			return string(text), nil
		}
		text = append(text, b[0])
	}
	return "", errNotSOCKS
}

// read5 reads the methods of logging in, of which it takes none, and then the
// request.
func (r *socksRequest) read5(client io.ReadWriter) error {
	methods, err := readCounted(client)
	if err != nil {
		return err
	}
	if !slices.Contains(methods, noLogin) {
		_, _ = client.Write([]byte{socks5, noMethod})
		return errMethod
	}
	if _, err := client.Write([]byte{socks5, noLogin}); err != nil {
		return err
	}
	var head [4]byte
	if _, err := io.ReadFull(client, head[:]); err != nil {
		return err
	}
	if head[0] != socks5 || head[2] != 0 {
		return errNotSOCKS
	}
	known, err := r.readAddress(client, head[3])
	switch {
	case err != nil:
		return err
	case !known:
		return r.refuse(client, unknownType5, errNotSOCKS)
	case head[1] != socksConnect:
		return r.refuse(client, unknownCommand5, errCommand)
	}
	return r.check(client)
}

// readAddress reads an address of that type, and the port.
func (r *socksRequest) readAddress(client io.Reader, kind byte) (known bool, err error) {
	var address []byte
	switch kind {
	case typeName:
		address, err = readCounted(client)
		r.target.Host = string(address)
	case typeIPv4, typeIPv6:
		address = make([]byte, 4)
		if kind == typeIPv6 {
			address = make([]byte, 16)
		}
		_, err = io.ReadFull(client, address)
		ip, _ := netip.AddrFromSlice(address)
		r.target.Host = ip.String()
	default:
		return false, nil
	}
	var port [2]byte
	if err == nil {
		_, err = io.ReadFull(client, port[:])
	}
	r.target.Port = int(port[0])<<8 | int(port[1])
	return true, err
}

// readCounted reads as many bytes as the first one says.
func readCounted(client io.Reader) ([]byte, error) {
	var count [1]byte
	if _, err := io.ReadFull(client, count[:]); err != nil {
		return nil, err
	}
	text := make([]byte, count[0])
	_, err := io.ReadFull(client, text)
	return text, err
}

// check refuses a name that none can be.
func (r *socksRequest) check(client io.Writer) error {
	unfit := func(c rune) bool { return c <= ' ' || c == 0x7f }
	if r.target.Host == "" || strings.ContainsFunc(r.target.Host, unfit) {
		return r.refuse(client, failed5, errNotSOCKS)
	}
	return nil
}
