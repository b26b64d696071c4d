package dial

import "net"

// Confirmed reports whether the other machine has acknowledged, by TCP, all that
// was sent to it. known is false behind a proxy, and on systems that do not tell.
func Confirmed(c net.Conn) (yes, known bool) {
	direct, ok := c.(*quick)
	if !ok {
		return false, false
	}
	left, err := unconfirmed(direct.raw)
	return left == 0, err == nil
}
