// Package mosh knows the mosh wrapper (mosh(1), version 1.4.0): the arguments
// that it takes, those with which it calls its --ssh command, and the lines
// that it wants to read from that command. The package starts nothing itself.
//
// The wrapper runs its --ssh command once to start mosh-server, reads "MOSH IP"
// and "MOSH CONNECT" from that command's output, and then becomes mosh-client.
// So the --ssh command decides how the server starts: mosha's stand-in starts
// it over a connection that is open already.
package mosh

// Flags are mosh's own options as the user gave them. A zero value means "not
// given", so that mosh's own default and environment decide.
type Flags struct {
	Client, Server   string
	Predict          string
	Always, Never    bool // -a, -n
	PredictOverwrite bool
	Family           string
	Inet, Inet6      bool // -4, -6
	Port             string
	BindServer       string
	NoSSHPty         bool
	NoInit           bool
	Local            bool
	RemoteIP         string // --experimental-remote-ip
}

// Args returns the argument list, without the program's name, that gives mosh
// the flags, the command ssh in place of "ssh", the destination and the user's
// command. ssh is empty where mosh is to get none. A "--" ends the options, so
// that mosh takes no destination or command for one.
func (f Flags) Args(ssh, destination string, command []string) []string {
	var args []string
	text := func(name, value string) {
		if value != "" {
			args = append(args, name+"="+value)
		}
	}
	is := func(name string, on bool) {
		if on {
			args = append(args, name)
		}
	}
	text("--client", f.Client)
	text("--server", f.Server)
	text("--predict", f.Predict)
	is("-a", f.Always)
	is("-n", f.Never)
	is("-o", f.PredictOverwrite)
	text("--family", f.Family)
	is("-4", f.Inet)
	is("-6", f.Inet6)
	text("--port", f.Port)
	text("--bind-server", f.BindServer)
	is("--no-ssh-pty", f.NoSSHPty)
	is("--no-init", f.NoInit)
	is("--local", f.Local)
	text("--experimental-remote-ip", f.RemoteIP)
	text("--ssh", ssh)
	args = append(args, "--", destination)
	return append(args, command...)
}

// AddressFamily returns the family that the flags ask for, one of mosh's
// words: inet, inet6, auto, all, prefer-inet (mosh's default), prefer-inet6.
func (f Flags) AddressFamily() string {
	switch {
	case f.Inet:
		return "inet"
	case f.Inet6:
		return "inet6"
	case f.Family != "":
		return f.Family
	}
	return "prefer-inet"
}
