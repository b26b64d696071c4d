package openssh

import (
	"regexp"
	"slices"
	"strings"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/text"
)

// speech picks, from what an ssh writes to its standard error, what a person
// sees while it connects: what ssh would show by the user's LogLevel, without
// debugging and without what mosha words itself (notes, questions, errors).
//
//	the host key --the login begins--> the login --connected or failed--> nothing
//	 (all waits)                      (ssh's own last line waits)
//
// ssh's own lines end with CR LF (log.c, do_log). A server's banner ends as the
// server wants, as a rule with LF. A line of ssh's own waits until ssh goes on:
// if ssh does not, that line is its last word and part of the error. Before the
// login all lines wait, since there the error says in one line what ssh says in
// many. A question of ssh's releases what waits.
type speech struct {
	cfg  *sshconfig.Config
	tell func(sshconn.Notice)

	login   bool
	waiting []string // lines that wait
	ready   []string // lines to be sent
	lines   int      // how many were, and are to be
	bytes   int
}

// maxNoticeLines is how many lines one notice has.
const maxNoticeLines = 50

// newSpeech returns nil if nobody listens.
func newSpeech(cfg *sshconfig.Config, tell func(sshconn.Notice)) *speech {
	if tell == nil || cfg.IsMute() {
		return nil
	}
	return &speech{cfg: cfg, tell: tell}
}

// What ssh says that mosha words itself, or that LogLevel INFO would not show.
var (
	saysLogin      = regexp.MustCompile(`^debug1: (SSH2_MSG_SERVICE_ACCEPT received$|Authentications that can continue: )`)
	saysElsewhere  = regexp.MustCompile(`^(Permission denied, please try again\.|Host key verification failed\.)$|^(Connection (closed|reset) by|Disconnected from|Disconnecting) `)
	saysUnsafeFile = regexp.MustCompile(`^(@{20,}|@ +WARNING: UNPROTECTED PRIVATE KEY FILE! +@|Permissions 0\d+ for '.*' are too open\.|` +
		`It is required that your private key files are NOT accessible by others\.|This private key will be ignored\.)$`)
	saysVerbose = regexp.MustCompile(`^(Authenticated (to|using|with) |Canonicalized DNS aliased hostname |\w+: (invalid marker|truncated line) at )`)
)

// hear takes a line without its end. own reports whether it ended as ssh's do.
func (s *speech) hear(line string, own bool) {
	switch {
	case s == nil:
	case own && isDebug(line):
		if !s.login && saysLogin.MatchString(line) {
			s.begin()
		}
		if s.login {
			s.release()
		}
	case !s.login:
		s.wait(line)
	default:
		s.hearLogin(line, own)
	}
}

// begin notes that the login begins: ssh has accepted the host key. What ssh says
// of a changed or a revoked key goes, since a note or the error says it.
func (s *speech) begin() {
	s.login = true
	refused := func(line string) bool {
		return strings.Contains(line, saysKeyChanged) || strings.Contains(line, saysKeyRevoked)
	}
	if slices.ContainsFunc(s.waiting, refused) {
		s.waiting = nil
	}
}

// hearLogin takes a line after the login has begun.
func (s *speech) hearLogin(line string, own bool) {
	if !saysSignFailed.MatchString(line) {
		s.release()
	}
	switch {
	case !own:
		if !s.cfg.IsHushed() {
			s.pass(line)
		}
	case saysElsewhere.MatchString(line), saysDenied.MatchString(line), saysDisconnect.MatchString(line), saysUnsafeFile.MatchString(line):
	case s.skipped(line):
	default:
		s.wait(line)
	}
}

// skipped reports whether the line says that ssh does not use a key file. It
// tells that as the native transport does.
func (s *speech) skipped(line string) bool {
	m := saysNotLoaded.FindStringSubmatch(line)
	if m == nil || !slices.Contains(s.cfg.IdentityFiles, m[1]) {
		return false
	}
	if reason := skipReason(m[2]); reason == sshconn.SkipPermissions || reason == sshconn.SkipUnreadable {
		s.send()
		s.tell(sshconn.Notice{Kind: sshconn.NoticeSkipped, File: m[1], Reason: reason, Text: sshconn.Bounded(m[2])})
	}
	return true
}

// wait holds a line back until ssh goes on.
func (s *speech) wait(line string) {
	unwanted := saysAdded.MatchString(line) || !s.cfg.IsVerbose() && saysVerbose.MatchString(line)
	if !unwanted && len(s.waiting) < maxSSHLines {
		s.waiting = append(s.waiting, line)
	}
}

// release lets all go that waits, as far as LogLevel lets it.
func (s *speech) release() {
	if s == nil {
		return
	}
	for _, line := range s.waiting {
		if !s.cfg.IsHushed() || saysSignFailed.MatchString(line) {
			s.pass(line)
		}
	}
	s.waiting = nil
}

// releaseBut is release without the last line, if it is that one.
func (s *speech) releaseBut(final string) {
	if s == nil {
		return
	}
	if last := len(s.waiting) - 1; last >= 0 && strings.TrimSpace(text.Clean(s.waiting[last])) == final {
		s.waiting = s.waiting[:last]
	}
	s.release()
}

// pass makes a line ready to be sent, up to a bound.
func (s *speech) pass(line string) {
	if s.lines >= maxSSHLines || s.bytes+len(line) > sshconn.MaxShown {
		return
	}
	s.lines++
	s.bytes += len(line) + 1
	s.ready = append(s.ready, line)
}

// send tells what is ready.
func (s *speech) send() {
	if s == nil {
		return
	}
	for len(s.ready) > 0 {
		n, size := 0, 0
		for n < len(s.ready) && n < maxNoticeLines && (n == 0 || size+len(s.ready[n]) < sshconn.MaxText) {
			size += len(s.ready[n]) + 1
			n++
		}
		s.tell(sshconn.Notice{Kind: sshconn.NoticeBanner, Text: sshconn.Bounded(strings.Join(s.ready[:n], "\n") + "\n")})
		s.ready = s.ready[n:]
	}
}
