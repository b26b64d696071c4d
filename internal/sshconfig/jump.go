package sshconfig

import (
	"net/url"
	"strconv"
	"strings"
)

// JumpArgs returns the command that connects standard input and output to the
// destination through ProxyJump, as OpenSSH builds it (ssh.c): the last hop is
// an ssh of its own, which reaches it over the earlier ones by -J, with the
// user's -F. Nil if there is no ProxyJump; an error if it is malformed. A loop
// was already refused by ssh -G.
func (c *Config) JumpArgs() ([]string, error) {
	if c.ProxyJump == "" {
		return nil, nil
	}
	earlier := ""
	last, err := c.tokens().expand("ProxyJump", c.ProxyJump, nil)
	if err != nil {
		return nil, err
	}
	if i := strings.LastIndexByte(last, ','); i >= 0 {
		earlier, last = last[:i], last[i+1:]
	}
	hop, ok := parseHop(last)
	if !ok {
		return nil, &DestinationError{What: "jump host", Value: last}
	}
	args := []string{c.JumpProgram()}
	if hop.user != "" {
		args = append(args, "-l", hop.user)
	}
	if hop.port > 0 {
		args = append(args, "-p", strconv.Itoa(hop.port))
	}
	if earlier != "" {
		args = append(args, "-J", earlier)
	}
	if c.ConfigFile != "" {
		args = append(args, "-F", c.ConfigFile)
	}
	forward := "[" + c.HostName + "]:" + strconv.Itoa(c.Port)
	return append(args, "-W", forward, "--", hop.host), nil
}

// hop is one jump host; port is 0 if the configuration is to decide.
type hop struct {
	user, host string
	port       int
}

// parseHop reads [user@]host[:port], host in brackets if it holds a colon, or
// an ssh:// URI.
func parseHop(s string) (hop, bool) {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "ssh://"), "/")
	var h hop
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		h.user, s = s[:i], s[i+1:]
		if name, err := url.PathUnescape(h.user); err == nil {
			h.user = name
		}
		if !validUser(h.user) {
			return hop{}, false
		}
	}
	h.host, s = cutHost(s)
	if s != "" {
		port, err := strconv.Atoi(strings.TrimPrefix(s, ":"))
		if err != nil || s[0] != ':' || port < 1 || port > 65535 {
			return hop{}, false
		}
		h.port = port
	}
	return h, validHost(h.host)
}

// cutHost parts host:port or [host]:port; rest begins with the colon. More than
// one colon without brackets is an IPv6 address.
func cutHost(s string) (host, rest string) {
	if strings.HasPrefix(s, "[") {
		host, rest, closed := strings.Cut(s[1:], "]")
		if !closed {
			return "", ""
		}
		return host, rest
	}
	if i := strings.IndexByte(s, ':'); i >= 0 && i == strings.LastIndexByte(s, ':') {
		return s[:i], s[i:]
	}
	return s, ""
}

// lastJumpHost returns the name of the hop nearest the destination (%j).
func lastJumpHost(jump string) string {
	h, _ := parseHop(jump[strings.LastIndexByte(jump, ',')+1:])
	return h.host
}

// JumpProgram is the ssh for a jump host: the user's own where --ssh names one.
// What stands in front of that is in front of all that it runs.
func (c *Config) JumpProgram() string {
	program := c.Program()
	if last := program[len(program)-1]; isSSH(last) {
		return last
	}
	return "ssh"
}
