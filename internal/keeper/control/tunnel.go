package control

import (
	"regexp"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/text"
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
		requests = append(requests, tunnel.Request{Spec: located(config, spec), Rules: rules})
	}
	return requests
}

// located makes the path of this machine hold in every directory.
func located(config *sshconfig.Config, spec tunnel.Spec) tunnel.Spec {
	here := &spec.Listen
	if spec.Kind == tunnel.Remote {
		here = &spec.Target
	}
	here.Path = config.Absolute(here.Path)
	return spec
}

// TunnelOf returns that of a configuration's tunnels which an option of the command
// line names. ssh prints those of its files and of all its options together, and
// one that two of them name once. ok is false if there is none.
func TunnelOf(config *sshconfig.Config, kind tunnel.Kind, value string) (r tunnel.Request, ok bool) {
	spec, err := tunnel.Parse(kind, value)
	if err != nil {
		return r, false
	}
	spec = located(config, spec)
	for _, r := range Tunnels(config) {
		if r.Kind == kind && becomes(spec.Listen, r.Listen) && becomes(spec.Target, r.Target) {
			return r, true
		}
	}
	return r, false
}

// expanded is what ssh expands in the path of a tunnel.
var expanded = regexp.MustCompile(`%.|\$\{[^}]*\}`)

// becomes reports whether an endpoint may be the other one once ssh has expanded
// its path.
func becomes(e, other tunnel.Endpoint) bool {
	pattern := expanded.ReplaceAllString(e.Path, "*")
	if pattern != e.Path && text.Match(pattern, other.Path) {
		e.Path = other.Path
	}
	return e == other
}

// TunnelError reports that a tunnel is not up, where ExitOnForwardFailure has the
// launch fail for that.
type TunnelError struct{ Option, Problem string }

func (e *TunnelError) Error() string { return e.Option + ": " + e.Problem }

// NoTunnelError reports that the keeper has no such tunnel.
type NoTunnelError struct{ Option string }

func (e *NoTunnelError) Error() string { return "there is no tunnel " + e.Option }
