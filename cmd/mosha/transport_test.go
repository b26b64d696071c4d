//go:build linux

package main_test

import (
	"slices"
	"strings"
	"testing"
)

// overOpenSSH are the tests of a connection's life. They run once more over the
// OpenSSH transport, and nothing in them knows of that.
var overOpenSSH = map[string]func(*testing.T){
	"Session":          TestSession,
	"SecondLaunch":     TestSecondLaunchOpensNoConnection,
	"FewSessions":      TestFewSessions,
	"ChangedHostKey":   TestChangedHostKeyIsRefused,
	"UnknownHostKey":   TestUnknownHostKeyIsAsked,
	"KeyNotAccepted":   TestKeyNotAccepted,
	"NetworkFailures":  TestNetworkFailures,
	"SilentLoss":       TestSilentLossIsMended,
	"Rebooted":         TestRebootedWithANewHostKey,
	"NoLongerAllowed":  TestKeyNoLongerAuthorized,
	"KeeperKilled":     TestKeeperKilled,
	"AgentOnANewSock":  TestAgentOnANewSocket,
	"ForwardingRefuse": TestForwardingRefusedThere,
	"Keep":             TestKeep,
	"Stop":             TestStop,
	"Jump":             TestJump,
	"Options":          TestSSHOptionsCount,
	"NoSecret":         TestNoSecretInTheLog,
	"Command":          TestCommandHasTheAgent,
}

// TestOverOpenSSH runs them.
func TestOverOpenSSH(t *testing.T) {
	for name, test := range overOpenSSH {
		t.Run(name, test)
	}
}

// transportOf is the transport that a test's programs are to use, "" for the
// one that they choose themselves.
func transportOf(t *testing.T) string {
	if strings.HasPrefix(t.Name(), "TestOverOpenSSH/") {
		return "openssh"
	}
	return ""
}

// withTransport adds the world's transport to the arguments of a launch or of
// keep.
func (w *world) withTransport(args []string) []string {
	if w.transport == "" || len(args) == 0 || slices.Contains([]string{"status", "log", "stop"}, args[0]) {
		return args
	}
	at := 0
	if args[0] == "keep" {
		at = 1
	}
	return slices.Insert(slices.Clone(args), at, "--transport="+w.transport)
}
