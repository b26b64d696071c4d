package sshconfig

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// sshWith writes an ssh_config and returns an ssh command that reads it alone.
func sshWith(t *testing.T, config string) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"ssh", "-F", file}
}

func resolve(t *testing.T, ssh []string, dest string, extra ...string) *Config {
	t.Helper()
	c, err := Resolve(t.Context(), child.Env{}, ssh, dest, extra...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestResolve(t *testing.T) {
	ssh := sshWith(t, `
Host dev
  HostName Dev.Example.COM
  User ann
  Port 2200
  HostKeyAlias Dev
  BindAddress 127.0.0.1
  ConnectTimeout 1m
  IdentityFile /keys/%n-%r
  IdentityFile "/keys/with space"
  CertificateFile /keys/cert-%p
  IdentityAgent /run/agent
  IdentitiesOnly yes
  UserKnownHostsFile "/a b/known hosts" /c
  GlobalKnownHostsFile none
  StrictHostKeyChecking no
  HashKnownHosts yes
  CheckHostIP yes
  Ciphers aes128-ctr,aes256-ctr
  ServerAliveInterval 15
  ServerAliveCountMax 4
  TCPKeepAlive no
  ForwardAgent /run/forwarded
  BindInterface eth0
  ConnectionAttempts 3
  ProxyUseFdpass yes
  RekeyLimit 1M 1h
  IPQoS af21 cs1
  SendEnv LANG MY_*
  SetEnv A="x y" B=z
  BatchMode yes
  PreferredAuthentications password,publickey
  PasswordAuthentication no
  KbdInteractiveAuthentication no
  NumberOfPasswordPrompts 2
  AddKeysToAgent confirm 1h
  LogLevel quiet
  FingerprintHash md5
  VisualHostKey yes
  SecurityKeyProvider /sk.so
  PKCS11Provider /pkcs11.so
  ProxyCommand nc -X "%%" %h %p %r %n
`)
	c := resolve(t, append(ssh, "-oMACs=hmac-sha2-256"), "dev", "-4")
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Dest: "dev", SSH: append(ssh, "-oMACs=hmac-sha2-256"), Dir: here, ConfigFile: ssh[2],
		OriginalHost: "dev", HostName: "dev.example.com", User: "ann", Port: 2200, HostKeyAlias: "dev",
		ProxyCommand:  `nc -X "%%" %h %p %r %n`,
		AddressFamily: "inet", BindAddress: "127.0.0.1", ConnectTimeout: time.Minute,
		IdentityFiles:    []string{"/keys/dev-ann", "/keys/with space"},
		CertificateFiles: []string{"/keys/cert-2200"}, IdentityAgent: "/run/agent", IdentitiesOnly: true,
		UserKnownHostsFiles: []string{"/a b/known hosts", "/c"}, StrictHostKeyChecking: "no",
		HashKnownHosts: true, CheckHostIP: true,
		Ciphers: []string{"aes128-ctr", "aes256-ctr"}, MACs: []string{"hmac-sha2-256"},
		ServerAliveInterval: 15 * time.Second, ServerAliveCountMax: 4,
		ForwardAgent: "/run/forwarded", BatchMode: true, PubkeyAuthentication: true,
		BindInterface: "eth0", ConnectionAttempts: 3, ProxyUseFdpass: true, RekeyBytes: 1 << 20, QoS: new(0x48),
		SendEnv: []string{"LANG", "MY_*"}, SetEnv: []string{"A=x y", "B=z"},
		UpdateHostKeys: UpdateNo, VerifyHostKeyDNS: "no", RequiredRSASize: 1024, HostbasedAcceptedAlgorithms: c.HostbasedAcceptedAlgorithms,
		PreferredAuthentications: []string{"password", "publickey"}, NumberOfPasswordPrompts: 2,
		AddKeysToAgent: "confirm", AddKeysLifetime: time.Hour, LogLevel: "SILENT", FingerprintHash: "MD5", VisualHostKey: true,
		SecurityKeyProvider: "/sk.so", PKCS11Provider: "/pkcs11.so",
		Forwarding: Forwarding{Mask: 0o177},
	}
	for _, names := range [][]string{c.KexAlgorithms, c.HostKeyAlgorithms, c.PubkeyAcceptedAlgorithms, c.CASignatureAlgorithms} {
		if len(names) < 3 {
			t.Errorf("too few algorithms: %q", names)
		}
	}
	want.KexAlgorithms, want.HostKeyAlgorithms = c.KexAlgorithms, c.HostKeyAlgorithms
	want.PubkeyAcceptedAlgorithms, want.CASignatureAlgorithms = c.PubkeyAcceptedAlgorithms, c.CASignatureAlgorithms
	if diff := cmp.Diff(&want, c); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, want := c.ProxyShellCommand(), `nc -X "%" dev.example.com 2200 ann dev`; got != want {
		t.Errorf("proxy command %q, want %q", got, want)
	}
}

func TestResolveDefaults(t *testing.T) {
	c := resolve(t, nil, "ssh://bob@host:2022")
	if c.HostName != "host" || c.OriginalHost != "host" || c.User != "bob" || c.Port != 2022 || c.ConnectTimeout != 0 || c.ProxyJump != "" ||
		c.ProxyShellCommand() != "" || c.AddressFamily != "any" || !c.TCPKeepAlive || c.ForwardAgent == "" {
		t.Errorf("%+v", c)
	}
	for _, file := range append(c.IdentityFiles, c.UserKnownHostsFiles...) {
		if !filepath.IsAbs(file) {
			t.Errorf("file name %q is not absolute", file)
		}
	}
}

func TestAddKeysToAgent(t *testing.T) {
	for _, test := range []struct {
		value, mode string
		lifetime    time.Duration
	}{
		{"yes", "yes", 0}, {"no", "no", 0}, {"ask", "ask", 0}, {"confirm", "confirm", 0},
		{"1h", "yes", time.Hour}, {"confirm 90", "confirm", 90 * time.Second},
	} {
		c := resolve(t, sshWith(t, "AddKeysToAgent "+test.value+"\n"), "dev")
		if c.AddKeysToAgent != test.mode || c.AddKeysLifetime != test.lifetime {
			t.Errorf("%s: %s for %v", test.value, c.AddKeysToAgent, c.AddKeysLifetime)
		}
	}
}

func TestResolveErrors(t *testing.T) {
	ctx := t.Context()
	for _, dest := range []string{"", "-oProxyCommand=id", "a\nb", "ho;st", "o'b@h", "ssh://a%7Cb@h", "@h"} {
		_, err := Resolve(ctx, child.Env{}, nil, dest)
		if bad := (*DestinationError)(nil); !errors.As(err, &bad) {
			t.Errorf("Resolve(%q) = %v", dest, err)
		}
	}
	_, err := Resolve(ctx, child.Env{}, []string{"ssh", "-oNoSuch=1"}, "h")
	if bad := (*SSHError)(nil); !errors.As(err, &bad) || !strings.Contains(bad.Message, "Bad configuration option: nosuch") || bad.Dest != "h" {
		t.Errorf("bad option: %v", err)
	}
	_, err = Resolve(ctx, child.Env{}, sshWith(t, "Port 22\nFrobnicate yes\n"), "h")
	if bad := (*SSHError)(nil); !errors.As(err, &bad) || !strings.Contains(bad.Message, "line 2") {
		t.Errorf("bad config: %v", err)
	}
	_, err = Resolve(ctx, child.Env{}, []string{"no-such-ssh"}, "h")
	if bad := (*NoSSHError)(nil); !errors.As(err, &bad) || !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("no ssh: %v", err)
	}
	script := filepath.Join(t.TempDir(), "script")
	labtest.Program(t, script, "#!/bin/sh\nexit 3\n")
	_, err = Resolve(ctx, child.Env{}, []string{script}, "h")
	if bad := (*SSHError)(nil); !errors.As(err, &bad) || err.Error() != script+" -G h: exit status 3" {
		t.Errorf("a script that fails: %v", err)
	}
	_, err = Resolve(ctx, child.Env{}, sshWith(t, "IdentityFile ${MOSHA_NO_SUCH}/k"), "h")
	if err == nil || !strings.Contains(err.Error(), "variable MOSHA_NO_SUCH in") {
		t.Errorf("no variable: %v", err)
	}
}

// TestWordsOfSSH: what mosha adds to the words of --ssh is no value of an
// option there, and what it calls the host is the host.
func TestWordsOfSSH(t *testing.T) {
	for words, want := range map[string]WordsError{
		"ssh -p":          {Option: "-p"},
		"ssh -4l":         {Option: "-l"},
		"nice ssh -vo":    {Option: "-o"},
		"ssh other":       {Host: "other"},
		"ssh -4 me@other": {Host: "other"},
		"nice ssh other":  {Host: "other"},
	} {
		_, err := Resolve(t.Context(), child.Env{}, strings.Fields(words), "h")
		if bad := (*WordsError)(nil); !errors.As(err, &bad) || *bad != want {
			t.Errorf("%s: %v", words, err)
		}
	}
	for _, dest := range []string{"h", "me@h", "a@b@h", "ssh://me@h:22", "fd00::1", "H"} {
		resolve(t, []string{"ssh", "-l", "h", "-p", "22"}, dest)
	}
	// A script that goes elsewhere may do so.
	script := filepath.Join(t.TempDir(), "elsewhere")
	labtest.Program(t, script, "#!/bin/sh\nshift; exec ssh -G other\n")
	if c := resolve(t, []string{script, "-4"}, "h"); c.HostName != "other" {
		t.Errorf("a script led to %s", c.HostName)
	}
}

func TestResolveCancelled(t *testing.T) {
	// The command outlives ssh, and ends when the test's directory goes.
	started := filepath.Join(t.TempDir(), "started")
	ssh := sshWith(t, `Match exec "touch `+started+`; while [ -e `+started+` ]; do sleep 0.1; done"`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for !exists(started) {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if _, err := Resolve(ctx, child.Env{}, ssh, "h"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestExpandAsSSH lets ssh expand the same tokens in an option that it does
// expand, and compares.
func TestExpandAsSSH(t *testing.T) {
	t.Setenv("MOSHA_TEST_DIR", "/dir%h")
	tokens := `%d/%h-%C-%i-%L-%l-%n-%p-%r-%u-%k-%%`
	for _, path := range []string{"/x" + tokens, "~/x-" + tokens, "~root/" + tokens, "/${MOSHA_TEST_DIR}/%h"} {
		for _, alias := range []string{"", "HostKeyAlias other\n"} {
			ssh := sshWith(t, "HostName real.example\n"+alias+"IdentityFile "+path+"\nUserKnownHostsFile "+path)
			c := resolve(t, ssh, "nick")
			out, err := exec.Command(ssh[0], append(ssh[1:], "-G", "-T", "nick")...).Output()
			if err != nil {
				t.Fatal(err)
			}
			want := regexp.MustCompile(`(?m)^userknownhostsfile (.*)$`).FindStringSubmatch(string(out))[1]
			if got := c.IdentityFiles[0]; got != filepath.Clean(want) {
				t.Errorf("%s expanded to %s, ssh says %s", path, got, want)
			}
		}
	}
}

// TestJumpAsSSH compares with the ProxyCommand that ssh -v shows for a
// ProxyJump.
func TestJumpAsSSH(t *testing.T) {
	for _, jump := range []string{
		"j", "u@j", "u@j:22", "j:2022", "[::1]:2022", "u@[::1]", "a,b", "u@a:1,v@[fe80::1]:2,c:3", "ssh://u@j:99", "ssh://j", "10.0.0.1", "%r@j",
	} {
		ssh := append(sshWith(t, ""), "-J", jump)
		c := resolve(t, ssh, "bob@host.example")
		got, err := c.JumpArgs()
		if err != nil {
			t.Errorf("%s: %v", jump, err)
			continue
		}
		if want := implicitProxy(t, ssh); strings.Join(got, " ") != want {
			t.Errorf("jump %s:\n got %s\nwant %s", jump, strings.Join(got, " "), want)
		}
	}
}

// implicitProxy returns ssh's own command for a ProxyJump, in our spelling: no
// -v, quotes gone, tokens expanded, and -- before the host.
func implicitProxy(t *testing.T, ssh []string) string {
	t.Helper()
	out, err := exec.Command(ssh[0], append(ssh[1:], "-v", "-G", "-T", "bob@host.example")...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	found := regexp.MustCompile(`implicit ProxyCommand from ProxyJump: (.*?)\r?\n`).FindStringSubmatch(string(out))
	if found == nil {
		t.Fatalf("no implicit ProxyCommand in %s", out)
	}
	words, err := Words(strings.NewReplacer("%h", "host.example", "%p", "22", "%r", "bob").Replace(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for _, w := range words {
		if w != "-v" {
			kept = append(kept, w)
		}
	}
	last := len(kept) - 1
	return strings.Join(kept[:last], " ") + " -- " + kept[last]
}

func TestJumpErrors(t *testing.T) {
	for _, jump := range []string{"a,", "-x", "u@-x", "j:0", "j:x", "j:70000", "a;b", "u'@j", "[::1", "@j"} {
		c := &Config{SSH: []string{"ssh"}, ProxyJump: jump, HostName: "h", Port: 22, User: "u"}
		args, err := c.JumpArgs()
		if bad := (*DestinationError)(nil); !errors.As(err, &bad) {
			t.Errorf("jump %q gave %q, %v", jump, args, err)
		}
	}
}

func TestID(t *testing.T) {
	c := Config{HostName: "h", Port: 22, User: "u"}
	id := c.ID()
	if !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(id) {
		t.Errorf("ID %q", id)
	}
	for _, other := range []Config{
		{HostName: "h2", Port: 22, User: "u"}, {HostName: "h", Port: 23, User: "u"}, {HostName: "h", Port: 22, User: "v"},
		{HostName: "h", Port: 22, User: "u", ProxyJump: "j"}, {HostName: "h22", User: "u"},
		{HostName: "h", Port: 22, User: "u", ProxyCommand: "nc x 22"}, {HostName: "h", Port: 22, User: "u", HostKeyAlias: "a"},
	} {
		if other.ID() == id {
			t.Errorf("%+v has the same ID", other)
		}
	}
	c.Dest, c.BatchMode = "other@spelling", true
	if c.ID() != id {
		t.Error("ID depends on more than the destination")
	}
}

func TestConfigAsJSON(t *testing.T) {
	c := resolve(t, []string{"ssh", "-p", "2222", "-J", "x"}, "h")
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var got Config
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, &got); diff != "" {
		t.Error(diff)
	}
}

func TestAgentSocket(t *testing.T) {
	env := func(name string) string {
		return map[string]string{"SSH_AUTH_SOCK": "/sock", "MINE": "/mine"}[name]
	}
	for agent, want := range map[string]string{
		"": "/sock", "SSH_AUTH_SOCK": "/sock", "none": "", "$MINE": "/mine", "$NONE": "", "/a b": "/a b",
	} {
		got, ok := (&Config{IdentityAgent: agent}).AgentSocket(env)
		if got != want || ok != (want != "") {
			t.Errorf("IdentityAgent %q: %q, %v", agent, got, ok)
		}
	}
	if _, ok := (&Config{}).AgentSocket(func(string) string { return "" }); ok {
		t.Error("an agent without SSH_AUTH_SOCK")
	}
}

func TestConfigFile(t *testing.T) {
	for _, test := range []struct {
		words, want string
	}{
		{"ssh", ""}, {"ssh -F f", "f"}, {"ssh -Ff", "f"}, {"ssh -vvF f -p 22", "f"}, {"ssh -o F -p F", ""}, {"ssh -iF", ""}, {"ssh -F", ""},
		{"ssh -4AF none", "none"},
	} {
		if got := configFile(strings.Fields(test.words)); got != test.want {
			t.Errorf("%s: -F %q, want %q", test.words, got, test.want)
		}
	}
}

func TestSplitPaths(t *testing.T) {
	there := func(path string) bool { return path == "rel" }
	for _, test := range []struct {
		in   string
		want []string
	}{
		{"none", nil},
		{"/a /b", []string{"/a", "/b"}},
		{"/a b/c /d", []string{"/a b/c", "/d"}},
		{"/a  b", []string{"/a  b"}},
		{"known rel", []string{"known", "rel"}},
		{"", nil},
	} {
		if diff := cmp.Diff(test.want, splitPaths(test.in, there)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.in, diff)
		}
	}
}

func TestValidNames(t *testing.T) {
	for _, good := range []string{"h", "10.0.0.1", "fe80::1%eth0", "a_b.c-d", "xn--bcher-kva"} {
		if !validHost(good) {
			t.Errorf("host %q refused", good)
		}
	}
	for _, bad := range []string{"", "-h", "a b", "a;b", "$(id)", "`id`", "a\nb", `a\b`, "a'b", `a"b`, "a|b", "a\tb"} {
		if validHost(bad) {
			t.Errorf("host %q taken", bad)
		}
	}
	for _, good := range []string{"u", `DOM\u`, "first last", "u@corp", "u$"} {
		if !validUser(good) {
			t.Errorf("user %q refused", good)
		}
	}
	for _, bad := range []string{"", "-u", "u -o", "u;x", "u\nx", `u\`, "u'x", "(u)"} {
		if validUser(bad) {
			t.Errorf("user %q taken", bad)
		}
	}
}

func FuzzParse(f *testing.F) {
	out, err := exec.Command("ssh", "-G", "-T", "-J", "a,b", "u@h").Output()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(out)
	f.Add([]byte("host a\nhostname b\nuser u\nport 99999\n"))
	f.Add([]byte("hostname h\nuser u\nuserknownhostsfile /a b ~ %% ${X} none\nidentityfile ~nobody/%"))
	f.Add([]byte("hostname h\nuser u\nproxyjump ,[::@x:1,ssh://%@a"))
	f.Fuzz(func(t *testing.T, output []byte) {
		c, err := parse(output)
		if err != nil {
			return
		}
		c.SSH = []string{"ssh"}
		if c.Port < 1 || c.Port > 65535 || c.HostName == "" || c.User == "" || c.ConnectTimeout < 0 {
			t.Errorf("accepted %+v", c)
		}
		_ = c.expand(func(string) (string, bool) { return "v", true })
		args, err := c.JumpArgs()
		if err == nil && len(args) > 0 && strings.HasPrefix(args[len(args)-1], "-") {
			t.Errorf("jump host is an option: %q", args)
		}
		c.ProxyShellCommand()
		c.ID()
	})
}
