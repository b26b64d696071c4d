package sshconfig

import (
	"math"
	"strconv"
	"strings"
)

// tcpSetters are the setters of the options about the connection below SSH.
var tcpSetters = map[string]func(*Config, string) bool{
	"bindinterface":      textOption(func(c *Config) *string { return &c.BindInterface }),
	"connectionattempts": number(func(c *Config) *int { return &c.ConnectionAttempts }, 1, math.MaxInt32),
	"proxyusefdpass":     truth(func(c *Config) *bool { return &c.ProxyUseFdpass }),
	"rekeylimit":         rekeyLimit,
	"ipqos":              ipqos,
}

// rekeyLimit reads RekeyLimit, which ssh -G prints as bytes and seconds, zero
// for the default.
func rekeyLimit(c *Config, value string) bool {
	data, _, _ := strings.Cut(value, " ")
	n, err := strconv.ParseUint(data, 10, 64)
	if err != nil {
		return false
	}
	c.RekeyBytes = n
	return true
}

// qosWords are the names that ipqos_parse in misc.c knows: the DiffServ code
// points of RFC 2474 and others, as they stand in the IP header's byte, and
// those of RFC 1349.
var qosWords = map[string]int{
	"af11": 0x28, "af12": 0x30, "af13": 0x38, "af21": 0x48, "af22": 0x50, "af23": 0x58,
	"af31": 0x68, "af32": 0x70, "af33": 0x78, "af41": 0x88, "af42": 0x90, "af43": 0x98,
	"cs0": 0x00, "cs1": 0x20, "cs2": 0x40, "cs3": 0x60, "cs4": 0x80, "cs5": 0xa0, "cs6": 0xc0, "cs7": 0xe0,
	"ef": 0xb8, "va": 0xb0, "le": 0x04,
	"lowdelay": 0x10, "throughput": 0x08, "reliability": 0x04,
}

// ipqos reads IPQoS: a word or number for interactive sessions and one for
// others. The agent is a person's doing, so the first counts. None, or a word
// of a newer ssh, leaves the system's choice.
func ipqos(c *Config, value string) bool {
	word, _, _ := strings.Cut(strings.ToLower(value), " ")
	qos, known := qosWords[word]
	if n, err := strconv.ParseUint(word, 0, 8); err == nil {
		qos, known = int(n), true
	}
	c.QoS = nil
	if known {
		c.QoS = &qos
	}
	return true
}
