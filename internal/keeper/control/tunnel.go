package control

import (
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/tunnel"
)

// Tunnel is how one tunnel of a keeper is. Its JSON form is part of a Status.
type Tunnel struct {
	Option   string `json:"option"`            // as ssh takes it: -L 8080:localhost:80
	State    string `json:"state"`             // up, waiting (for the connection) or failed (tried again)
	Port     int    `json:"port,omitempty"`    // that the server has chosen
	Problem  string `json:"problem,omitempty"` // why it is not up, or not at all of its addresses
	Open     int    `json:"connections"`
	Total    int64  `json:"connections_total"`
	Sent     int64  `json:"bytes_sent"`
	Received int64  `json:"bytes_received"`
}

// Tunnels returns the tunnels of a configuration, by its rules: those of the
// command line first, then those of the files, of each kind. ssh has read them;
// one that cannot be read here is of a newer kind and is left out. Paths of this
// machine hold in every directory: the keeper has that of another launch.
func Tunnels(config *sshconfig.Config) []tunnel.Request {
	f := config.Forwarding
	var specs []tunnel.Spec
	for _, line := range f.Lines {
		if spec, err := tunnel.Printed(line.Keyword, line.Value); err == nil {
			specs = append(specs, spec)
		}
	}
	rules := tunnel.Rules{Family: config.AddressFamily, GatewayPorts: f.GatewayPorts, Unlink: f.Unlink, Mask: f.Mask, PermitOpen: f.PermitOpen}
	var requests []tunnel.Request
	for _, spec := range tunnel.Sound(specs) {
		here := &spec.Listen
		if spec.Kind == tunnel.Remote {
			here = &spec.Target
		}
		here.Path = config.Absolute(here.Path)
		requests = append(requests, tunnel.Request{Spec: spec, Rules: rules})
	}
	return requests
}

// TunnelError reports that a tunnel is not up, where ExitOnForwardFailure has the
// launch fail for that.
type TunnelError struct{ Option, Problem string }

func (e *TunnelError) Error() string { return e.Option + ": " + e.Problem }

// NoTunnelError reports that the keeper has no such tunnel.
type NoTunnelError struct{ Option string }

func (e *NoTunnelError) Error() string { return "there is no tunnel " + e.Option }
