package main

// sshFlag is the command that reaches the destination. Which keeper is meant
// depends on it.
type sshFlag struct {
	SSH string `name:"ssh" placeholder:"COMMAND" default:"ssh" help:"ssh command, as given to mosha [user@]host; its options count."`
}

// transportFlag chooses what carries the connection. It takes ssh's -A, too,
// which people are used to type.
type transportFlag struct {
	Agent     bool   `name:"A" short:"A" help:"As ssh's: forward the agent, which is done without it, too."`
	Transport string `enum:"auto,native,openssh" default:"auto" placeholder:"HOW" help:"What carries the connection: native, openssh (an ssh in the background), or auto, which takes native where it can."`
}

// serverFlags are those of mosh's own flags that decide whether a session can
// begin.
type serverFlags struct {
	Client     string `placeholder:"PATH" group:"mosh's own flags:" help:"mosh client here (mosh-client)."`
	Server     string `placeholder:"COMMAND" group:"mosh's own flags:" help:"mosh server there (mosh-server)."`
	Family     string `placeholder:"FAMILY" group:"mosh's own flags:" xor:"family" help:"Address family: inet, inet6, auto, all, prefer-inet or prefer-inet6."`
	Inet       bool   `name:"4" short:"4" group:"mosh's own flags:" xor:"family" help:"As --family=inet."`
	Inet6      bool   `name:"6" short:"6" group:"mosh's own flags:" xor:"family" help:"As --family=inet6."`
	Port       string `short:"p" placeholder:"PORT[:PORT2]" group:"mosh's own flags:" help:"UDP port or range on the server."`
	BindServer string `placeholder:"ADDRESS" group:"mosh's own flags:" help:"Address the server replies from: ssh, any or an IP address."`
}
