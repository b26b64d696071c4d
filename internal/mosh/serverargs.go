package mosh

import (
	"net/netip"
	"strings"
)

// localeNames are the variables whose values the wrapper offers the server, in
// its order.
var localeNames = []string{
	"LANG", "LANGUAGE", "LC_CTYPE", "LC_NUMERIC", "LC_TIME", "LC_COLLATE", "LC_MONETARY", "LC_MESSAGES", "LC_PAPER",
	"LC_NAME", "LC_ADDRESS", "LC_TELEPHONE", "LC_MEASUREMENT", "LC_IDENTIFICATION", "LC_ALL",
}

// ServerStart returns what the wrapper gives its --ssh command to start a
// server that runs the given command. env looks up a variable of the
// environment.
func (f Flags) ServerStart(env func(string) string, command ...string) string {
	args := []string{"new", "-c", "256"}
	switch strings.ToLower(f.BindServer) {
	case "", "ssh":
		args = append(args, "-s")
	case "any", "server":
	default:
		args = append(args, "-i", f.BindServer)
	}
	if f.Port != "" {
		args = append(args, "-p", f.Port)
	}
	for _, name := range localeNames {
		if value := env(name); value != "" {
			args = append(args, "-l", name+"="+value)
		}
	}
	if len(command) > 0 {
		args = append(append(args, "--"), command...)
	}
	server := f.Server
	if server == "" {
		server = defaultServer
	}
	for _, arg := range args {
		server += " '" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
	}
	return server
}

// FamilyFits reports whether a connection to the address is of the wanted
// family, in mosh's words: the server answers from the address that ssh came in
// on. An unknown address fits.
func FamilyFits(family, address string) bool {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return true
	}
	return (family != "inet" || addr.Is4()) && (family != "inet6" || !addr.Is4())
}
