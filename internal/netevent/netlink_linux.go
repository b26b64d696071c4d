package netevent

import (
	"encoding/binary"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// ipv6Rules is RTNLGRP_IPV6_RULE of linux/rtnetlink.h as one of the RTMGRP
// bits, which has no name there.
const ipv6Rules = 1 << (unix.RTNLGRP_IPV6_RULE - 1)

// groups are the rtnetlink messages that the socket is sent. Neighbours, which
// are the most frequent ones, are not among them.
const groups = unix.RTMGRP_LINK |
	unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV4_RULE |
	unix.RTMGRP_IPV6_IFADDR | unix.RTMGRP_IPV6_ROUTE | ipv6Rules

// openSocket returns a socket in the network namespace of the calling thread.
func openSocket() (*socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		_ = unix.Close(fd)
		return nil, os.NewSyscallError("bind", err)
	}
	return newSocket(fd, "rtnetlink", newNetlink()), nil
}

// maxKnown bounds what netlink remembers of links and of addresses. No machine
// that somebody sits at has as many.
const maxKnown = 1024

// netlink judges rtnetlink(7) messages. Many of them repeat what is so already:
// a wireless scan sends the link as it is, a router advertisement every address
// whose lifetime it extends. So netlink remembers the links and addresses of
// earlier messages. What none of them named counts as changed.
type netlink struct {
	links     map[uint32]uint32 // the flags of linkFlags, by interface index
	addresses map[interfaceAddr]struct{}
}

// interfaceAddr is an address that can be used.
type interfaceAddr struct {
	index uint32
	addr  netip.Addr
}

// linkFlags are the flags of netdevice(7) that decide whether packets can
// leave.
const linkFlags = unix.IFF_UP | unix.IFF_RUNNING | unix.IFF_LOWER_UP

func newNetlink() *netlink {
	n := new(netlink)
	n.lost()
	return n
}

// lost forgets all, because it may no longer be so.
func (n *netlink) lost() {
	n.links = make(map[uint32]uint32)
	n.addresses = make(map[interfaceAddr]struct{})
}

// cause walks the datagram's messages. In practice there is one. The last may
// be cut off.
func (n *netlink) cause(datagram []byte) (found cause) {
	for len(datagram) >= unix.SizeofNlMsghdr {
		length := binary.NativeEndian.Uint32(datagram)
		kind := binary.NativeEndian.Uint16(datagram[4:])
		if length < unix.SizeofNlMsghdr {
			return found
		}
		end := min(uint64(length), uint64(len(datagram)))
		if c := n.message(kind, datagram[unix.SizeofNlMsghdr:end]); c != "" {
			found = c
		}
		datagram = datagram[min(aligned(uint64(length)), uint64(len(datagram))):]
	}
	return found
}

// aligned is NLMSG_ALIGN and RTA_ALIGN.
func aligned(length uint64) uint64 { return (length + 3) &^ 3 }

func (n *netlink) message(kind uint16, body []byte) cause {
	switch kind {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		if len(body) >= unix.SizeofIfInfomsg && n.linkChanged(kind, body) {
			return link
		}
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		if len(body) >= unix.SizeofIfAddrmsg && n.addressChanged(kind, body) {
			return address
		}
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		if len(body) >= unix.SizeofRtMsg && routeMatters(body) {
			return route
		}
	case unix.RTM_NEWRULE, unix.RTM_DELRULE:
		return rule
	}
	return ""
}

// linkChanged takes a struct ifinfomsg. Its ifi_change is of no use: it is zero
// when a cable is pulled.
func (n *netlink) linkChanged(kind uint16, body []byte) bool {
	if body[0] != unix.AF_UNSPEC { // a bridge tells of its ports so
		return false
	}
	index := binary.NativeEndian.Uint32(body[4:])
	flags := binary.NativeEndian.Uint32(body[8:]) & linkFlags
	before, seen := n.links[index]
	if kind == unix.RTM_DELLINK {
		delete(n.links, index)
		return !seen || before != 0
	}
	if !seen && len(n.links) == maxKnown {
		n.lost()
	}
	n.links[index] = flags
	return !seen || flags != before
}

// addressChanged takes a struct ifaddrmsg with attributes.
func (n *netlink) addressChanged(kind uint16, body []byte) bool {
	at := interfaceAddr{binary.NativeEndian.Uint32(body[4:]), localAddr(body[unix.SizeofIfAddrmsg:])}
	_, seen := n.addresses[at]
	if kind == unix.RTM_DELADDR {
		delete(n.addresses, at)
		return true
	}
	if !usable(body[2]) {
		delete(n.addresses, at)
		return seen
	}
	if !seen && len(n.addresses) == maxKnown {
		n.lost()
	}
	if at.addr.IsValid() {
		n.addresses[at] = struct{}{}
	}
	return !seen
}

// usable reports whether packets may be sent from an IPv6 address with these
// ifa_flags. They may not while the kernel tries whether another machine has
// it.
func usable(flags uint8) bool {
	return flags&unix.IFA_F_OPTIMISTIC != 0 || flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) == 0
}

// localAddr returns the interface's address, or an invalid one if there is
// none: IFA_LOCAL, or else IFA_ADDRESS. Where there are both, the latter is the
// peer's.
func localAddr(attributes []byte) (addr netip.Addr) {
	for len(attributes) >= unix.SizeofRtAttr {
		length := uint64(binary.NativeEndian.Uint16(attributes))
		if length < unix.SizeofRtAttr || length > uint64(len(attributes)) {
			return addr
		}
		value := attributes[unix.SizeofRtAttr:length]
		switch binary.NativeEndian.Uint16(attributes[2:]) {
		case unix.IFA_LOCAL:
			local, _ := netip.AddrFromSlice(value)
			return local
		case unix.IFA_ADDRESS:
			addr, _ = netip.AddrFromSlice(value)
		}
		attributes = attributes[min(aligned(length), uint64(len(attributes))):]
	}
	return addr
}

// routeMatters takes a struct rtmsg. Not the table of local addresses, since
// other messages report these; nor a cloned route, which is a cache of another.
func routeMatters(body []byte) bool {
	table, flags := body[4], binary.NativeEndian.Uint32(body[8:])
	return table != unix.RT_TABLE_LOCAL && flags&unix.RTM_F_CLONED == 0
}
