package tunnel

import (
	"context"
	"errors"
	"net"
	"strconv"
	"syscall"
)

// Rules are the options of ssh_config for a tunnel.
type Rules struct {
	Family       string   `json:"family,omitempty"`        // AddressFamily: inet, inet6; else any
	GatewayPorts bool     `json:"gateway_ports,omitempty"` // listeners without an address take connections from anywhere
	Unlink       bool     `json:"unlink,omitempty"`        // StreamLocalBindUnlink
	Mask         int      `json:"mask,omitempty"`          // StreamLocalBindMask
	PermitOpen   []string `json:"permit_open,omitempty"`   // PermitRemoteOpen; none: anything
}

// backlog is how many connections the system keeps that nobody has accepted
// yet, as with ssh.
const backlog = 128

// listen opens the listeners of a tunnel here. At several addresses one is
// enough, as with ssh; partial is what is wrong with the others.
func (s Spec) listen(ctx context.Context, rules Rules) (open []net.Listener, partial, err error) {
	if s.Listen.Path != "" {
		l, err := listenUnix(s.Listen.Path, rules)
		if err != nil {
			return nil, nil, err
		}
		return []net.Listener{l}, nil, nil
	}
	places, err := s.Listen.places(ctx, rules)
	if err != nil {
		return nil, nil, err
	}
	for _, at := range places {
		l, failed := (&net.ListenConfig{}).Listen(ctx, at.network, at.address)
		if failed == nil {
			open = append(open, l)
			continue
		}
		if used := (*InUseError)(nil); partial == nil || errors.As(asListenError(at.address, failed), &used) {
			partial = asListenError(at.address, failed)
		}
	}
	if len(open) == 0 {
		return nil, nil, partial
	}
	if used := (*InUseError)(nil); !errors.As(partial, &used) {
		partial = nil // a machine without IPv6 is no problem
	}
	return open, partial, nil
}

// place is an address to listen at.
type place struct{ network, address string }

// places returns where a listener is to be (channels.c, channel_fwd_bind_addr).
func (e Endpoint) places(ctx context.Context, rules Rules) ([]place, error) {
	hosts := []string{"127.0.0.1", "::1"}
	switch {
	case e.Host == "*", e.Host == "" && rules.GatewayPorts:
		hosts = []string{"0.0.0.0", "::"}
	case e.Host != "" && e.Host != "localhost":
		found, err := net.DefaultResolver.LookupHost(ctx, e.Host)
		if err != nil {
			return nil, &ListenError{Address: e.String(), Message: err.Error()}
		}
		hosts = found
	}
	var places []place
	for _, host := range hosts {
		network := "tcp6"
		if ip := net.ParseIP(host); ip != nil && ip.To4() != nil {
			network = "tcp4"
		}
		if network == "tcp4" && rules.Family == "inet6" || network == "tcp6" && rules.Family == "inet" {
			continue
		}
		places = append(places, place{network, net.JoinHostPort(host, strconv.Itoa(e.Port))})
	}
	if len(places) == 0 {
		return nil, &ListenError{Address: e.String(), Message: "no address of the family that is configured"}
	}
	return places, nil
}

func asListenError(address string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		pid, program := holderOf(address)
		return &InUseError{Address: address, PID: pid, Program: program}
	}
	message := err.Error()
	if number := syscall.Errno(0); errors.As(err, &number) {
		message = number.Error()
	}
	return &ListenError{Address: address, Message: message}
}
