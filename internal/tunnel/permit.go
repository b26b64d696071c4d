package tunnel

import (
	"net"
	"strings"
)

// permits reports whether PermitRemoteOpen lets a client on the server go to a
// target by SOCKS. Hosts are compared as they are written, as ssh does.
func (r Rules) permits(target Endpoint) bool {
	if len(r.PermitOpen) == 0 || strings.EqualFold(r.PermitOpen[0], "any") {
		return true
	}
	for _, pattern := range r.PermitOpen {
		host, port, err := net.SplitHostPort(pattern)
		if err != nil {
			continue // none, too
		}
		if (host == "*" || host == target.Host) && (port == "*" || portOf(port) == target.Port) {
			return true
		}
	}
	return false
}
