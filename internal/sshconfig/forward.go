package sshconfig

import (
	"strconv"
	"strings"
)

// Forwarding is what is configured about forwarding connections.
type Forwarding struct {
	Lines         []ForwardLine // none with ClearAllForwardings
	ExitOnFailure bool          // ExitOnForwardFailure
	GatewayPorts  bool
	PermitOpen    []string // PermitRemoteOpen
	Unlink        bool     // StreamLocalBindUnlink
	Mask          int      // StreamLocalBindMask
}

// ForwardLine is a LocalForward, RemoteForward or DynamicForward as ssh -G prints
// it: the keyword in lower case.
type ForwardLine struct{ Keyword, Value string }

// forwardSetters are the setters of the options about forwarding connections.
var forwardSetters = map[string]func(*Config, string) bool{
	"localforward":          forwardLine("localforward"),
	"remoteforward":         forwardLine("remoteforward"),
	"dynamicforward":        forwardLine("dynamicforward"),
	"exitonforwardfailure":  truth(func(c *Config) *bool { return &c.Forwarding.ExitOnFailure }),
	"gatewayports":          truth(func(c *Config) *bool { return &c.Forwarding.GatewayPorts }),
	"streamlocalbindunlink": truth(func(c *Config) *bool { return &c.Forwarding.Unlink }),
	"streamlocalbindmask":   bindMask,
	"permitremoteopen":      permitOpen,
}

func forwardLine(keyword string) func(*Config, string) bool {
	return func(c *Config, value string) bool {
		c.Forwarding.Lines = append(c.Forwarding.Lines, ForwardLine{keyword, value})
		return true
	}
}

// bindMask reads an octal number.
func bindMask(c *Config, value string) bool {
	mask, err := strconv.ParseUint(value, 8, 9)
	if err == nil {
		c.Forwarding.Mask = int(mask)
	}
	return err == nil
}

// permitOpen reads hosts and ports, any, which stands for no limit, or none.
func permitOpen(c *Config, value string) bool {
	c.Forwarding.PermitOpen = nil
	if !strings.EqualFold(value, "any") {
		c.Forwarding.PermitOpen = strings.Fields(value)
	}
	return true
}
