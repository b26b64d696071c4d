package doctor

// Place is where a check looks.
type Place string

// The places.
const (
	Here    Place = "here"
	Between Place = "between"
	There   Place = "there"
)

// State is how a check ended.
type State string

// The states of a check.
const (
	OK   State = "ok"
	Warn State = "warn" // a session works, something else may not
	Fail State = "fail" // a session, or the agent in it, does not work
	Skip State = "skip" // the doctor did not look
)

// Names of checks. Scripts rely on them.
const (
	CheckSSH        = "ssh"
	CheckMosh       = "mosh"
	CheckMoshClient = "mosh-client"
	CheckLocale     = "locale"
	CheckAgent      = "agent"
	CheckKeeper     = "keeper"

	CheckConnection = "connection"
	CheckUDP        = "udp"

	CheckShell        = "shell"
	CheckMoshServer   = "mosh-server"
	CheckServerLocale = "server-locale"
	CheckForwarding   = "forwarding"
	CheckLink         = "link"
	CheckSignature    = "signature"
	CheckSetup        = "setup"
	CheckUserRC       = "user-rc"
	CheckLoginShell   = "login-shell"
	// CheckOtherShell is followed by the shell's name, as in shell-zsh.
	CheckOtherShell = "shell-"
)

// Check is one thing that the doctor looked at.
type Check struct {
	Name  string
	Place Place
	State State
	// Facts are what the doctor saw, by name. Those that come from the remote
	// are printable ASCII.
	Facts map[string]string
	// Problem is what is wrong, or why the doctor did not look; nil if State is
	// OK.
	Problem *Problem
}

// Problem is what is wrong.
type Problem struct {
	Kind    Kind
	Subject string // what it is about: a program, a path, a shell
	Detail  string // what a program or the remote said
	Err     error  // the error behind it, or nil
	Other   bool   // the server is not OpenSSH's: no line of an sshd_config(5) would help
}

// Kind says what is wrong.
type Kind string

// The kinds of a Problem.
const (
	NotInstalled Kind = "not installed"    // Subject is the program
	Broken       Kind = "broken"           // Subject is the program, which failed with Detail
	OldVersion   Kind = "old version"      // Subject is the program, Detail its version
	NoConfig     Kind = "no configuration" // Err is package sshconfig's
	NotUTF8      Kind = "not UTF-8"        // Subject is the character set, Detail the setting here that counts, as in LANG=C
	NoAgent      Kind = "no agent"         // Subject is the path of its socket, if one is named, Detail what names it
	AgentFails   Kind = "agent fails"      // Subject is the path
	AgentEmpty   Kind = "no key"           // Subject is the path
	NoDirs       Kind = "no directories"   // Err is package keeper's
	KeeperFails  Kind = "keeper fails"     // Err is package keeper's
	KeeperWaits  Kind = "keeper waits"     // it wants a person
	KeeperLost   Kind = "keeper lost"      // its connection is lost; Detail says what it knows of that

	NoConnection Kind = "no connection" // Err is that of packages keeper and sshconn
	WrongFamily  Kind = "wrong family"  // Subject is the family, Detail the address
	NoAddress    Kind = "no address"    // a server behind a proxy did not report its own
	UDPSilent    Kind = "silent"        // Subject is the port
	UDPRefused   Kind = "refused"       // Subject is the port
	UDPFails     Kind = "UDP fails"     // Subject is the port, Err the system's

	NoRoom        Kind = "no room"         // MaxSessions
	OneSession    Kind = "one session"     // the server allows one session on a connection, as tinysshd
	Lost          Kind = "lost"            // the connection, in the middle
	Expired       Kind = "expired"         // the password of the user Subject on the host Detail
	NoShell       Kind = "no shell"        // Detail is what came in its place
	ShellTaken    Kind = "shell taken"     // a start-up file runs another shell, the Subject, in place of commands
	Noise         Kind = "noise"           // Detail is its first line
	ServerFails   Kind = "server fails"    // Detail is what it said
	NoForwarding  Kind = "no forwarding"   // Subject is the line that is to blame, Detail where it is
	LinkOccupied  Kind = "link occupied"   // no link, but a file
	LinkDead      Kind = "link dead"       // it leads nowhere; Subject says where
	LinkMute      Kind = "link mute"       // it leads to Subject, where no agent answers
	LinkElsewhere Kind = "link elsewhere"  // it is in XDG_RUNTIME_DIR, since ~/.ssh cannot hold it
	LinkNowhere   Kind = "link nowhere"    // neither directory can hold it
	AgentHides    Kind = "no key seen"     // the agent shows none of its keys there
	Touch         Kind = "touch"           // all its keys want a touch
	NoAnswer      Kind = "no answer"       // the agent did not sign in time; Subject is the key
	Refused       Kind = "refused to sign" // Subject is the key, Detail what ssh-add said
	NoTool        Kind = "no tool"         // Subject is the program that is missing there
	NotSetUp      Kind = "not set up"      // Subject is the files
	CannotSetUp   Kind = "cannot set up"   // Err is package bootstrap's
	HomeFixed     Kind = "home read-only"  // and not set up
	RCIdle        Kind = "rc does not run" // Subject is the line that is to blame, Detail where it is
	RCUnseen      Kind = "rc not seen"     // there was nothing for it to do
	RCDeclines    Kind = "rc declines"     // start-up files changed SSH_AUTH_SOCK before it ran
	ShellUnset    Kind = "shell unset"     // Subject is the shell; Detail is CheckSetup if that has the cure
	ShellEmptied  Kind = "shell emptied"   // Subject is the shell, which is set up
	ShellBeside   Kind = "shell beside"    // Subject is the shell, which set-up is not for; Detail is the login shell
	ShellUnknown  Kind = "shell unknown"   // Subject is the shell, for which there is no set-up
	ShellOther    Kind = "shell other"     // Subject is the shell, Detail the live socket
	ShellDead     Kind = "shell dead"      // Subject is the shell, Detail the value
	ShellSilent   Kind = "shell silent"    // Subject is the shell
	ShellElse     Kind = "shell else"      // Subject is the shell, whose start-up files end it or start another

	NotReached Kind = "not reached" // something before it failed; Subject is that check
)
