package mosh

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

func TestArgs(t *testing.T) {
	tests := []struct {
		name    string
		flags   Flags
		ssh     string
		command []string
		want    []string
	}{
		{"nothing but a host", Flags{}, "x", nil, []string{"--ssh=x", "--", "h"}},
		{"a command", Flags{}, "x", []string{"ls", "-l"}, []string{"--ssh=x", "--", "h", "ls", "-l"}},
		{"prediction", Flags{Always: true, PredictOverwrite: true}, "x", nil, []string{"-a", "-o", "--ssh=x", "--", "h"}},
		{"never", Flags{Never: true}, "x", nil, []string{"-n", "--ssh=x", "--", "h"}},
		{
			"all with a value",
			Flags{
				Client: "/c", Server: "LANG=C s", Predict: "never", Family: "all",
				Port: "60001:60010", BindServer: "any", RemoteIP: "remote",
			}, "x", nil,
			[]string{
				"--client=/c", "--server=LANG=C s", "--predict=never", "--family=all", "--port=60001:60010",
				"--bind-server=any", "--experimental-remote-ip=remote", "--ssh=x", "--", "h",
			},
		},
		{
			"all switches",
			Flags{Inet: true, Inet6: true, NoSSHPty: true, NoInit: true, Local: true}, "", nil,
			[]string{"-4", "-6", "--no-ssh-pty", "--no-init", "--local", "--", "h"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, tt.flags.Args(tt.ssh, "h", tt.command)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAddressFamily(t *testing.T) {
	for _, tt := range []struct {
		flags Flags
		want  string
	}{
		{Flags{}, "prefer-inet"},
		{Flags{Inet: true}, "inet"},
		{Flags{Inet6: true}, "inet6"},
		{Flags{Family: "all"}, "all"},
	} {
		if got := tt.flags.AddressFamily(); got != tt.want {
			t.Errorf("%+v: %s, want %s", tt.flags, got, tt.want)
		}
	}
}

// record runs the real wrapper with a --ssh command that writes its arguments
// down, and returns them.
func record(t *testing.T, flags Flags, command ...string) []string {
	t.Helper()
	dir := t.TempDir()
	script := filepath.Join(dir, "ssh")
	body := "#!/bin/sh\nfor a; do printf '%s\\0' \"$a\"; done >" + dir + "/args\n"
	labtest.Program(t, script, body)
	mosh := exec.Command("mosh", flags.Args(script, "u@127.0.0.1", command)...)
	mosh.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := mosh.CombinedOutput() // ends with an error: no server was started
	raw, readErr := os.ReadFile(filepath.Join(dir, "args"))
	if readErr != nil {
		t.Fatalf("mosh did not call its --ssh command: %v\n%s", err, out)
	}
	return strings.Split(strings.TrimSuffix(string(raw), "\x00"), "\x00")
}

// TestParseArgsOfTheRealWrapper holds ParseArgs against what the installed
// mosh really passes.
func TestParseArgsOfTheRealWrapper(t *testing.T) {
	tests := []struct {
		name    string
		flags   Flags
		command []string
		pty, ip bool
		has     string
	}{
		{"default", Flags{}, nil, true, true, "mosh-server 'new' '-c'"},
		{"no pty", Flags{NoSSHPty: true}, nil, false, true, "mosh-server 'new'"},
		{"remote", Flags{RemoteIP: "remote", Inet: true}, nil, true, false, "MOSH SSH_CONNECTION"},
		{"local", Flags{RemoteIP: "local"}, nil, true, false, "mosh-server 'new'"},
		{"port", Flags{Port: "60007"}, nil, true, true, "'-p' '60007'"},
		{"server", Flags{Server: "LANG=C s x"}, nil, true, true, "LANG=C s x 'new'"},
		{"command", Flags{}, []string{"sh", "-c", "it's; x"}, true, true, `'--' 'sh' '-c' 'it'\''s; x'`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := record(t, tt.flags, tt.command...)
			got, err := ParseArgs(args)
			if err != nil {
				t.Fatalf("%q: %v", args, err)
			}
			if got.Pty != tt.pty || got.WantIP != tt.ip || got.Destination != "u@127.0.0.1" {
				t.Errorf("%q: %+v", args, got)
			}
			if !strings.Contains(got.Command, tt.has) {
				t.Errorf("command %q lacks %q", got.Command, tt.has)
			}
			if ServerCommand(got.Command, "x=1\n") == got.Command {
				t.Errorf("the agent is not seen to in %q", got.Command)
			}
		})
	}
}

func TestParseArgsRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, args := range [][]string{
		nil, {"-n"}, {"-x", "h", "--", "c"}, {"h"}, {"h", "--"}, {"h", "c", "d"}, {"h", "--", "c", "d"}, {"-o"},
		{"-S", "none"}, {"--", "h", "--", "c"},
	} {
		if got, err := ParseArgs(args); err == nil {
			t.Errorf("%q: %+v, %v", args, got, err)
		}
	}
}

// kind is what a line is to a relay.
func kind(line string) string {
	kind := "none"
	r := Relay{Print: func([]byte) { kind = "other" }, Found: func(string) { kind = "found" }}
	_, _ = r.Write([]byte(line + "\n"))
	switch {
	case r.Connect != nil:
		return "connect"
	case r.Broken != nil:
		return "broken"
	case r.Code != 0:
		return "ended"
	}
	return kind
}

func TestRelayTellsLinesApart(t *testing.T) {
	key := "AAAAAAAAAAAAAAAAAAAAAA"
	for line, want := range map[string]string{
		"MOSH CONNECT 60001 " + key:              "connect",
		"MOSH CONNECT 60001 " + key + "\r":       "connect",
		"MOSH CONNECT 60001 " + key + "A":        "broken",
		"MOSH CONNECT 600010 " + key:             "broken",
		"MOSH CONNECT 0 " + key:                  "broken",
		"MOSH CONNECT 99999 " + key:              "broken",
		"MOSH CONNECT x":                         "broken",
		"MOSH IP 6.6.6.6":                        "none",
		"MOSH SSH_CONNECTION 1 2 3 4":            "other",
		"MOSHA FOUND /x/mosh-server":             "found",
		"MOSHA EXIT 127\r":                       "ended",
		"MOSHA EXIT 1270":                        "other",
		" MOSH CONNECT 60001 " + key:             "other",
		"bash: mosh-server: command not found\r": "other",
		"":                                       "other",
	} {
		if got := kind(line); got != want {
			t.Errorf("%q: %s, want %s", line, got, want)
		}
	}
}

// wrappers is the wrapper's own expression (mosh.pl).
var wrappers = regexp.MustCompile(`^MOSH CONNECT ([0-9]+?) ([A-Za-z0-9/+]{22})\s*$`)

// FuzzRelayLine: a line is handed on as CONNECT only if the wrapper's own
// expression takes it.
func FuzzRelayLine(f *testing.F) {
	f.Add("MOSH CONNECT 60001 AAAAAAAAAAAAAAAAAAAAAA\r")
	f.Add("MOSH IP 1.2.3.4")
	f.Fuzz(func(t *testing.T, line string) {
		if !strings.Contains(line, "\n") && kind(line) == "connect" && !wrappers.MatchString(line) {
			t.Errorf("%q taken for CONNECT", line)
		}
	})
}

func TestRelay(t *testing.T) {
	connect := "MOSH CONNECT 60001 AAAAAAAAAAAAAAAAAAAAAA\r\n"
	long := strings.Repeat("x", 3*maxLine)
	for _, tt := range []struct{ name, in, printed, connect string }{
		{"noise, then connect", "hello\r\n" + connect + "after\n", "hello\r\n", connect},
		{"a forged address", "MOSH IP 6.6.6.6\n" + connect, "", connect},
		{"found", "MOSHA FOUND /a b/mosh-server\r\n" + connect, "found:/a b/mosh-server\n", connect},
		{"no end of the last line", "command not found", "command not found", ""},
		{"hidden in a long line", long + connect, long + connect, ""},
		{"the first one counts", connect + strings.Replace(connect, "60001", "60002", 1), "", connect},
	} {
		for _, size := range []int{1, 7, 1 << 20} {
			var printed strings.Builder
			r := Relay{Print: func(line []byte) { printed.Write(line) }, Found: func(path string) { printed.WriteString("found:" + path + "\n") }}
			for rest := []byte(tt.in); len(rest) > 0; {
				n := min(size, len(rest))
				_, _ = r.Write(rest[:n])
				rest = rest[n:]
			}
			r.End()
			if printed.String() != tt.printed || string(r.Connect) != tt.connect {
				t.Errorf("%s, %d bytes at a time: printed %q, connect %q", tt.name, size, printed.String(), r.Connect)
			}
		}
	}
}

// TestRelayPid: the server says its process id last.
func TestRelayPid(t *testing.T) {
	for text, want := range map[string]string{
		"MOSH CONNECT 60001 AAAAAAAAAAAAAAAAAAAAAA\r\n\r\n[mosh-server detached, pid = 4711]\r\n": "4711",
		"[mosh-server detached, pid = 0]\n":       "",
		"[mosh-server detached, pid = 0004711]\n": "",
		"x [mosh-server detached, pid = 4711]\n":  "",
		"[mosh-server detached, pid = 1; rm x]\n": "",
		"": "",
	} {
		r := Relay{Print: func([]byte) {}, Found: func(string) {}}
		_, _ = r.Write([]byte(text))
		r.End()
		if r.Pid != want {
			t.Errorf("%q: pid %q, want %q", text, r.Pid, want)
		}
	}
}

// FuzzRelay: how the bytes arrive makes no difference, and nothing but a
// CONNECT line is taken for one.
func FuzzRelay(f *testing.F) {
	f.Add([]byte("hello\r\nMOSH CONNECT 60001 AAAAAAAAAAAAAAAAAAAAAA\r\nMOSH IP 6.6.6.6\nMOSHA FOUND /x\n"), uint8(3))
	f.Add(bytes.Repeat([]byte("x"), maxLine+10), uint8(7))
	f.Fuzz(func(t *testing.T, text []byte, size uint8) {
		relay := func(size int) (printed, connect string) {
			var b strings.Builder
			r := Relay{Print: func(line []byte) { b.Write(line) }, Found: func(path string) { b.WriteString(path) }}
			for piece := range slices.Chunk(text, size) {
				_, _ = r.Write(piece)
			}
			r.End()
			return b.String(), string(r.Connect)
		}
		printed, connect := relay(int(size) + 1)
		if connect != "" && kind(strings.TrimSuffix(connect, "\n")) != "connect" {
			t.Errorf("%q taken for CONNECT", connect)
		}
		if again, same := relay(len(text) + 1); again != printed || same != connect {
			t.Errorf("in pieces of %d: %q, %q; at once: %q, %q", size+1, printed, connect, again, same)
		}
	})
}
