//go:build linux

package main_test

const (
	port        = "echo $SSH_CONNECTION | cut -d\" \" -f4"
	server      = "echo $SSH_CONNECTION | cut -d\" \" -f3"
	client      = "echo $SSH_CONNECTION | cut -d\" \" -f1"
	noKey       = 6
	noHostKey   = 5
	noNetwork   = 4
	anotherPort = "Host box\n Port 2201\n"
)

// slowRows wait for a name server that does not answer. They begin first.
var slowRows = []row{
	{name: "HostName that does not resolve", config: "Host box\n HostName nohost.invalid\n", fails: noNetwork},
	{name: "ProxyJump over a hop that is not there", config: "Host box\n ProxyJump {hop}@nohost.invalid\n", fails: noNetwork},
	{name: "AddressFamily inet of an IPv6 host", config: "Host box\n HostName devbox6\n AddressFamily inet\n", fails: noNetwork},
	{name: "AddressFamily inet6 of an IPv4 host", config: "Host box\n HostName devbox4\n AddressFamily inet6\n", fails: noNetwork},
}

// configRows are about how the configuration is read, and the settings of the
// connection itself.
var configRows = []row{
	{name: "nothing", typical: true, probe: "whoami"},
	{name: "Port", config: anotherPort, probe: port, shows: "2201"},
	{name: "Port with an equals sign, quotes and a comment", typical: true, config: "Host=box # mine\n\tPort = \"2201\"\n", probe: port, shows: "2201"},
	{name: "Port where nobody listens", typical: true, config: "Host box\n Port 2299\n", fails: noNetwork},
	{name: "Include", config: "Include conf.d/*.conf\n", prepare: file(".ssh/conf.d/a.conf", anotherPort), probe: port, shows: "2201"},
	{name: "Include of a file that is not there", config: "Include nothing/*\n"},
	{name: "Match exec", typical: true, config: "Match exec \"test %n = box\"\n Port 2201\n", probe: port, shows: "2201"},
	{name: "Match exec that says no", config: "Match exec false\n Port 2299\n"},
	{name: "Match originalhost and user", config: "Host box\n User {user}\nMatch originalhost box user {user}\n Port 2201\n", probe: port, shows: "2201"},
	{name: "Match localuser", config: "Match localuser {me}\n Port 2201\n", probe: port, shows: "2201"},
	{name: "Match final", typical: true, config: "Match final host devbox\n Port 2201\n", probe: port, shows: "2201"},
	{name: "Host with a pattern taken out", config: "Host * !box\n Port 2299\n"},
	{
		name: "CanonicalizeHostname", typical: true, config: "CanonicalizeHostname yes\nCanonicalDomains lab\n" +
			"Host hop.lab\n User {hop}\n Port 2201\n",
		dest: "hop",
	},
	{name: "HostName with a token", config: "Host hop\n HostName %h.lab\n User {hop}\n", dest: "hop"},
	{name: "User", config: "Host hop.lab\n User {hop}\n", dest: "hop.lab"},
	{name: "User who is not there", typical: true, config: "Host box\n User nobody-of-that-name\n", fails: noKey},
	{name: "User with a quote", config: "Host box\n User \"pat.o'brien\"\n", fails: noKey},
	{name: "User with a bar and parentheses, for a proxy", typical: true, config: "Host box\n User \"ops(a|b)\"\n ProxyCommand sh -c 'test \"$1\" = \"ops(a|b)\" && exec nc %h %p' - '%r'\n", fails: noKey},
	{name: "user with a quote@host", dest: "pat.o'brien@box", fails: 2},
	{name: "ForkAfterAuthentication", typical: true, config: "Host box\n ForkAfterAuthentication yes\n"},
	{name: "-f", ssh: "-f"},
	{name: "StdinNull", config: "Host box\n StdinNull yes\n"},
	{name: "user@host", config: "Host box\n User nobody-of-that-name\n", dest: "{user}@box"},
	{name: "ssh URI", typical: true, dest: "ssh://{user}@box:2201", probe: port, shows: "2201"},
	{name: "IPv4 address", dest: "{dev4}", probe: server, shows: ""},
	{name: "IPv6 address", typical: true, dest: "{dev6}", probe: server, shows: ""},
	{name: "name in capitals", dest: "DEVBOX"},
	{name: "AddressFamily inet", config: "Host box\n AddressFamily inet\n", probe: server},
	{name: "BindAddress", typical: true, config: "Host box\n AddressFamily inet\n BindAddress {me4}\n", probe: client},
	{name: "BindAddress by name", config: "Host box\n AddressFamily inet\n BindAddress laptop\n", probe: client},
	{name: "BindAddress of somebody else", config: "Host box\n AddressFamily inet\n BindAddress {dev4}\n", fails: noNetwork},
	{name: "BindInterface", config: "Host box\n BindInterface net0\n AddressFamily inet\n", probe: client},
	{name: "BindInterface that leads nowhere", config: "Host box\n BindInterface lo\n ConnectTimeout 2\n", fails: noNetwork},
	{name: "BindInterface that is not there", config: "Host box\n BindInterface nothing0\n", fails: noNetwork},
	{name: "ConnectTimeout", config: "Host box\n HostName 10.77.99.99\n ConnectTimeout 1\n", fails: noNetwork},
	{name: "ConnectionAttempts", config: "Host box\n ConnectionAttempts 3\n"},
	{name: "ConnectionAttempts where nobody listens", config: "Host box\n Port 2299\n ConnectionAttempts 2\n", fails: noNetwork},
	{name: "TCPKeepAlive", config: "Host box\n TCPKeepAlive no\n"},
	{name: "ServerAlive", config: "Host box\n ServerAliveInterval 1\n ServerAliveCountMax 2\n", probe: "sleep 1.5; echo there"},
	{name: "RekeyLimit", typical: true, config: "Host box\n RekeyLimit 1K 1s\n", probe: "head -c 20000 /dev/zero | tr \"\\\\0\" x | wc -c"},
	{name: "IPQoS", config: "Host box\n IPQoS af21 cs1\n"},
	{name: "Compression", config: "Host box\n Compression yes\n"},
	{name: "Ciphers", typical: true, config: "Host box\n Port 2202\n Ciphers aes128-ctr\n"},
	{name: "Ciphers that the server has not", config: "Host box\n Port 2202\n Ciphers aes256-ctr\n", fails: noNetwork},
	{name: "Ciphers taken out", config: "Host box\n Port 2202\n Ciphers -aes128*\n", fails: noNetwork},
	{name: "MACs", config: "Host box\n Port 2202\n MACs +hmac-sha1\n"},
	{name: "MACs that the server has not", config: "Host box\n Port 2202\n MACs hmac-sha2-256\n", fails: noNetwork},
	{name: "KexAlgorithms", config: "Host box\n Port 2202\n KexAlgorithms ^ecdh-sha2-nistp384\n"},
	{name: "KexAlgorithms that the server has not", config: "Host box\n Port 2202\n KexAlgorithms curve25519-sha256\n", fails: noNetwork},
	{name: "settings that mean nothing here", typical: true, config: "Host box\n ControlMaster auto\n ControlPath ~/.ssh/%C\n ExitOnForwardFailure yes\n EscapeChar none\n" +
		" PermitLocalCommand yes\n LocalCommand touch %n\n ForwardX11 yes\n GSSAPIAuthentication yes\n VisualHostKey yes\n LogLevel QUIET\n RequestTTY no\n"},
}
