package knownhosts

import "strconv"

// Host is what a key is looked up for.
type Host struct {
	// Hostname is the name connected to, without port.
	Hostname string
	// Alias is HostKeyAlias: if set, it stands for host name and port.
	Alias string
	Port  int
	// CASignatureAlgorithms are the algorithms with which an authority may
	// have signed a host certificate; empty means any.
	CASignatureAlgorithms []string
}

// Name is the name that known_hosts has for h: the alias, the host name, or
// [host]:port where the port is not 22, all in lower case.
func (h Host) Name() string {
	if h.Alias == "" && h.hasPort() {
		return lower(withPort(h.Hostname, h.Port))
	}
	return h.principal()
}

func (h Host) hasPort() bool { return h.Port != 22 && h.Port != 0 }

func withPort(host string, port int) string { return "[" + host + "]:" + strconv.Itoa(port) }

// principal is the name that a host certificate has to be for.
func (h Host) principal() string {
	if h.Alias != "" {
		return lower(h.Alias)
	}
	return lower(h.Hostname)
}

// portless is the host as it is looked up without the port, where ok says that
// it is: by a name with a port, and not by an alias.
func (h Host) portless() (_ Host, ok bool) {
	if h.Alias != "" || !h.hasPort() {
		return Host{}, false
	}
	h.Port = 22
	return h, true
}

// DisplayAddress is an address as ssh shows it beside a name: [ip]:port where
// the port is not 22.
func DisplayAddress(ip string, port int) string {
	if port == 22 || port == 0 {
		return ip
	}
	return withPort(ip, port)
}
