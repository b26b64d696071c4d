package explain

import (
	"fmt"
	"net/netip"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/text"
)

// Notice words what happens while a person waits. Lines that are not mosha's own
// come whole, to be shown as they are.
func Notice(n sshconn.Notice) (words string, own bool) {
	switch n.Kind {
	case sshconn.NoticeBanner, sshconn.NoticeProgram:
		return text.Lines(n.Text), false
	case sshconn.NoticeTouch:
		return "Confirm user presence for key " + n.Key, true
	case sshconn.NoticeWait:
		return waitWords(n.Key), true
	case sshconn.NoticeSigned:
		return "User presence confirmed", true
	case sshconn.NoticeSkipped:
		return skippedWords(n.File, n.Reason, n.Text), true
	case sshconn.NoticeStage:
		return stageWords(n.Stage), true
	}
	return "", false
}

// Held words what holds the start of mosh-server up, by the kind of the notice.
func Held(kind, host string) string {
	if kind == sshconn.NoticeRoom {
		return host + " opens no more sessions on the connection for now: waiting for one of them to end"
	}
	return host + " has let you in: waiting for it to open a session"
}

// stageWords says what the connection waits for.
func stageWords(s *sshconn.Stage) string {
	host := fmt.Sprintf("%s port %d", s.Host, s.Port)
	switch {
	case s.Phase == sshconn.PhaseKex:
		return "waiting for the host key of " + host
	case s.Phase == sshconn.PhaseAuth:
		return fmt.Sprintf("logging in to %s as %s", s.Host, s.User)
	case s.Phase == sshconn.PhaseSession:
		return Held(sshconn.NoticeSession, s.Host)
	case s.Proxied:
		return "waiting for the proxy to reach " + host
	case s.Phase == sshconn.PhaseBanner:
		return "waiting for the SSH server at " + host + " to answer"
	case s.Address == "":
		return "looking up " + s.Host
	}
	if addr, err := netip.ParseAddrPort(s.Address); err == nil {
		return fmt.Sprintf("connecting to %s port %d", addr.Addr(), addr.Port())
	}
	return "connecting to " + host
}

// waitWords says what the agent may wait for.
func waitWords(key string) string {
	if key == "" {
		return "the agent has not listed its keys yet: it may wait for you to unlock it"
	}
	return "the agent has not signed yet: it may wait for you to confirm the use of key " + key
}

// skippedWords says why a key file is not used.
func skippedWords(file, reason, detail string) string {
	if reason == sshconn.SkipPermissions {
		return file + " is not used: others can read it (chmod 600 " + file + ")"
	}
	return file + " is not used: " + detail
}
