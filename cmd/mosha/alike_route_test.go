//go:build linux

package main_test

// jump is a configuration with a hop on which nothing but the hop itself has
// to be said.
const jump = "Host hop\n HostName hop.lab\n User {hop}\nHost box\n ProxyJump hop\n"

// routeRows are about the way there.
var routeRows = []row{
	{name: "ProxyJump", typical: true, config: jump, probe: client},
	{name: "ProxyJump with user and port", config: "Host box\n ProxyJump {hop}@hop.lab:2201\n", probe: client},
	{name: "ProxyJump as URI", config: "Host box\n ProxyJump ssh://{hop}@hop.lab:2201\n", probe: client},
	{name: "ProxyJump over two hops", config: "Host box\n ProxyJump {hop}@hop.lab4,{hop}@hop.lab6\n", probe: client},
	{name: "ProxyJump over three hops, each with its own", typical: true, config: "Host one\n HostName hop.lab\n User {hop}\n" +
		"Host two\n HostName hop.lab4\n Port 22\n User {hop}\n" +
		"Host three\n HostName hop.lab\n Port 2203\n User {hop}\n UserKnownHostsFile ~/known3\n StrictHostKeyChecking accept-new\n IdentityFile ~/keys/third\n" +
		"Host box\n ProxyJump one,two,three\n", prepare: copyKey("keys/third"), probe: client},
	{name: "ProxyJump whose hop has a ProxyJump", config: "Host one\n HostName hop.lab4\n User {hop}\n" +
		"Host two\n HostName hop.lab6\n User {hop}\n ProxyJump one\nHost box\n ProxyJump two\n", probe: client},
	{name: "ProxyJump none", config: "Host box\n ProxyJump none\nHost *\n ProxyJump nowhere.invalid\n"},
	{name: "ProxyJump over a hop whose key is not known", config: "Host box\n ProxyJump {hop}@hop.lab:2203\n", fails: noNetwork},
	{name: "ProxyJump over a hop that lets nobody in", config: "Host box\n ProxyJump nobody-of-that-name@hop.lab\n", fails: noNetwork},
	{name: "ProxyJump over a hop with a ConnectTimeout", config: "Host hop\n HostName 10.77.99.99\n ConnectTimeout 1\nHost box\n ProxyJump hop\n", fails: noNetwork},
	{name: "ProxyJump to an address that the laptop cannot resolve", config: "Host hop\n HostName hop.lab\n User {hop}\nHost inside\n HostName {dev4}\n HostKeyAlias devbox\n ProxyJump hop\n", dest: "inside"},
	{name: "ProxyCommand", config: "Host hop\n HostName hop.lab\n User {hop}\nHost box\n ProxyCommand ssh -W [%h]:%p hop\n", probe: client},
	{name: "ProxyCommand with tokens", typical: true, config: "Host box\n ProxyCommand sh -c 'test %r = {user} && test %n = box && exec nc %h %p'\n"},
	{name: "ProxyCommand none", config: "Host box\n ProxyCommand none\nHost *\n ProxyCommand false\n"},
	{name: "ProxyCommand with an unknown token", config: "Host box\n ProxyCommand nc %h %z\n", fails: 1},
	{name: "ProxyCommand that fails", typical: true, config: "Host box\n ProxyCommand false\n", fails: noNetwork},
	{name: "ProxyCommand that prints noise", config: "Host box\n ProxyCommand sh -c \"echo noise >&2; exec nc %h %p\"\n"},
	{name: "a long line before the version", typical: true, config: before(`printf %%0300d 0; echo`), probe: port},
	{name: "a line of 8000 bytes before the version", config: before(`printf %%08000d 0; echo`), probe: port},
	{name: "a line of 9000 bytes before the version", config: before(`printf %%09000d 0; echo`), fails: noNetwork},
	{name: "1000 long lines before the version", config: before(`for i in $(seq 1000); do printf %%0300d 0; echo; done`), probe: port},
	{name: "no SSH", config: "Host box\n ProxyCommand sh -c 'echo HTTP/1.1 400 Bad Request; printf %%0300d 0; echo'\n", fails: noNetwork},
	{name: "ProxyUseFdpass", typical: true, config: "Host box\n ProxyCommand nc -F %h %p\n ProxyUseFdpass yes\n"},
	{name: "ProxyUseFdpass that fails", config: "Host box\n ProxyCommand nc -F %h 2299\n ProxyUseFdpass yes\n", fails: noNetwork},
	{name: "-p", ssh: "-p 2201", probe: port, shows: "2201"},
	{name: "-l", config: "Host box\n User nobody-of-that-name\n", ssh: "-l {user}"},
	{name: "-i", ssh: "-i {home}/keys/mine", prepare: moveKey("keys/mine")},
	{name: "-o", ssh: "-o Port=2201", probe: port, shows: "2201"},
	{name: "-J", ssh: "-J {hop}@hop.lab", probe: client},
	{name: "-F", ssh: "-F {home}/other", prepare: file("other", "Host elsewhere\n HostName devbox\n User {user}\n"), dest: "elsewhere"},
	{name: "-F for the hop too", typical: true, ssh: "-F {home}/other", prepare: file("other", "Host hop\n HostName hop.lab\n User {hop}\n"+
		"Host elsewhere\n HostName devbox\n User {user}\n ProxyJump hop\n"), dest: "elsewhere", probe: client},
	{name: "-4", ssh: "-4", probe: server},
	{name: "-6", ssh: "-6", probe: server},
	{name: "link-local address", config: "Host fe80*\n HostKeyAlias devbox\n", dest: "{local}", probe: server},
	{name: "link-local HostName", config: "Host box\n HostName fe80::2%%net0\n HostKeyAlias devbox\n", probe: server},
	{name: "link-local address whose key is not known", config: "Host fe80*\n StrictHostKeyChecking accept-new\n CheckHostIP yes\n HashKnownHosts no\n", dest: "{local}"},
	{name: "-b", ssh: "-4 -b {me4}", probe: client},
	{name: "-c and -m", config: "Host box\n Port 2202\n", ssh: "-c aes128-ctr -m hmac-sha1"},
	{name: "-A, -x and -C", ssh: "-AxC"},
	{name: "nice in front of ssh", typical: true, by: "nice -n 5 ssh", ssh: "-p 2201", probe: port, shows: "2201"},
	{name: "env in front of ssh", by: "env -u NOTHING PORT=2201 {home}/my-ssh", prepare: script("my-ssh", `exec ssh -p "$PORT" "$@"`), probe: port, shows: "2201"},
	{name: "timeout in front of ssh", by: "timeout 3600 ssh", ssh: "-p 2201 -i {home}/.ssh/id_ed25519", probe: port, shows: "2201"},
	{name: "setsid in front of ssh", by: "setsid -w ssh", probe: client},
	{name: "a script in place of ssh", typical: true, by: "{home}/my-ssh", prepare: script("my-ssh", `ssh -p 2201 "$@"`), probe: port, shows: "2201"},
	{name: "a script named ssh", by: "{home}/ssh", prepare: script("ssh", `exec /usr/bin/ssh -p 2201 "$@"`), probe: port, shows: "2201"},
	{name: "a program in front that fails", by: "{home}/front ssh", prepare: script("front", `echo no way out >&2; exit 3`), fails: 1},
	{name: "a program in front that is not there", by: "no-such-program ssh", fails: 1},
	{name: "a program in front, ProxyJump", by: "nice ssh", config: jump, probe: client},
	{name: "a program in front, ProxyCommand", by: "nice ssh", config: "Host box\n Port 2201\n ProxyCommand nc %h %p\n", probe: port, shows: "2201"},
	{name: "a program in front, where nobody listens", by: "nice ssh", ssh: "-p 2299", fails: noNetwork},
	{name: "a program in front, changed host key", by: "nice ssh", prepare: wrongKey, fails: noHostKey},
	{name: "a program in front, unknown host key", by: "nice ssh", config: stranger + " HashKnownHosts no\n", prepare: answers("yes")},
	{name: "a program in front, nobody to ask", by: "nice ssh", config: stranger, fails: noHostKey},
	{name: "a program in front, password", by: "nice ssh", config: byPassword, prepare: answers(rightPassword)},
	{name: "a program in front, wrong password", by: "nice ssh", config: byPassword, prepare: answers("wrong"), fails: noKey},
	{name: "sshpass", by: "sshpass -p " + rightPassword + " ssh", config: byPassword},
	{name: "an option that does not exist", ssh: "-o NoSuchOption=yes", fails: 1},
}

// before is a configuration by which these lines come before the server's
// version.
func before(script string) string {
	return "Host box\n ProxyCommand sh -c '" + script + "; exec nc %h %p'\n"
}

// script makes a program of the person's.
func script(name, text string) func(*seat) {
	return func(p *seat) { p.must(p.me.WriteFile(name, "#!/bin/sh\n"+text+"\n", 0o700)) }
}

// copyKey is the key under another name, and not in its usual place.
func copyKey(to string) func(*seat) {
	return func(p *seat) {
		p.must(p.me.WriteFile(to, p.site.private, 0o600))
	}
}

// keys prints the comments of the agent's keys.
const keys = "ssh-add -l | cut -d\" \" -f3"

// anotherAgent is one at ~/another with a key that opens nothing.
func anotherAgent(p *seat) {
	agent, err := p.me.Agent()
	p.must(err)
	p.end = append(p.end, func() { _ = agent.Stop() })
	key, err := p.me.NewKey("another", "ed25519")
	p.must(err)
	p.must(agent.Add(key))
	p.must(p.me.Command(p.ctx(), "ln", "-s", agent.Sock, "another").Run())
}

// sessionRows are about what a session finds.
var sessionRows = []row{
	{name: "SetEnv", typical: true, config: "Host box\n SetEnv FIRST=one SECOND=\"two words\"\n", probe: "echo $FIRST, $SECOND", shows: "one, two words"},
	{name: "SendEnv", config: "Host box\n SendEnv MINE\n", prepare: all(env("MINE", "yes yes"), env("OTHER", "no")), probe: "echo $MINE, $OTHER", shows: "yes yes,"},
	{name: "SendEnv with bytes that are no text", config: "Host box\n SendEnv MINE\n", prepare: env("MINE", "a\xff\"$b\tc"), probe: "echo \"$MINE\" | od -An -c"},
	{name: "SendEnv, less a pattern", typical: true, config: "Host box\n SendEnv MY_NAME MY_SECRET\n SendEnv -MY_S*\n",
		prepare: all(env("MY_NAME", "sent"), env("MY_SECRET", "not sent")), probe: "echo $MY_NAME, $MY_SECRET", shows: "sent,"},
	{name: "SendEnv with a pattern", config: "Host box\n SendEnv MY_?\n", prepare: all(env("MY_1", "sent"), env("MY_22", "not sent")), probe: "echo $MY_1, $MY_22", shows: "sent,"},
	{name: "SetEnv wins over SendEnv", config: "Host box\n SendEnv MINE\n SetEnv MINE=set\n", prepare: env("MINE", "sent"), probe: "echo $MINE", shows: "set"},
	{name: "ForwardAgent yes", config: "Host box\n ForwardAgent yes\n", prepare: all(anotherAgent, env("SSH_AUTH_SOCK", "{home}/another")), probe: keys, shows: "another"},
	{name: "ForwardAgent with a path", typical: true, config: "Host box\n ForwardAgent ~/another\n", prepare: all(anotherAgent, agentInEnv), probe: keys, shows: "another"},
	{name: "ForwardAgent with a variable", config: "Host box\n ForwardAgent $ANOTHER\n", prepare: all(anotherAgent, agentInEnv, env("ANOTHER", "{home}/another")), probe: keys, shows: "another"},
	{name: "ForwardAgent and another IdentityAgent", config: "Host box\n ForwardAgent ~/another\n IdentityAgent ~/agent\n", prepare: all(anotherAgent, agentHasKey), probe: keys, shows: "another"},
	{name: "SetEnv with --ssh", ssh: "-o SetEnv=FIRST=one", probe: "echo $FIRST", shows: "one"},
}
