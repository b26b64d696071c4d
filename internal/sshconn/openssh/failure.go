package openssh

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey"
)

// What OpenSSH's ssh says, with LogLevel DEBUG1, in versions 8.4 to 10. It always
// speaks English. Its last word before it ends decides. A server that puts such
// lines into its banner can bring about a refusal only, which it can do anyway.
var (
	saysNegotiation = regexp.MustCompile(`^Unable to negotiate with .*: no matching (.+) found\. Their offer: (.*)$`)
	saysDenied      = regexp.MustCompile(`Permission denied \(([^)]*)\)\.?$`)
	saysDisconnect  = regexp.MustCompile(`^Received disconnect from .* port \d+:(\d+): ?(.*)$`)
	saysOffer       = regexp.MustCompile(`^debug1: Offering public key: (.*) ([A-Z0-9-]+) ((?:SHA\d+|MD5):\S+)(.*)$`)
	saysAccept      = regexp.MustCompile(`^debug1: Server accepts key: (.*) ([A-Z0-9-]+) ((?:SHA\d+|MD5):\S+)(.*)$`)
	saysMethods     = regexp.MustCompile(`^debug1: Authentications that can continue: (\S+)$`)
	saysSignFailed  = regexp.MustCompile(`^sign_and_send_pubkey: signing failed for .*: (.*)$`)
	saysNotLoaded   = regexp.MustCompile(`^Load key "(.*)": (.*)$`)
	saysOffending   = regexp.MustCompile(`^(?:debug1: )?Offending \S+ key in (.*):(\d+)$`)
	saysRevoked     = regexp.MustCompile(`^Host key .* revoked by file (.*)$`)
	saysUncheckable = regexp.MustCompile(`Error checking host key .* in revoked keys file (.*): `)
	saysAdded       = regexp.MustCompile(`^Warning: Permanently added '(.*)' \((.*)\) to the list of known hosts\.$`)
)

const (
	saysNotAdded   = "Failed to add the host to the list of known hosts"
	saysKeyFailed  = "Host key verification failed."
	saysKeyChanged = "REMOTE HOST IDENTIFICATION HAS CHANGED"
	saysKeyRevoked = "REVOKED HOST KEY"
	saysNoAgent    = "ssh_get_authentication_socket"
	saysAgentEmpty = "agent contains no identities"
)

// failure is how an ssh ended that did not connect.
type failure struct {
	cfg      *sshconfig.Config
	lines    []string
	final    string
	attended bool // somebody could be asked
	typed    bool // something was typed for the login
	auth     bool // it ended while it authenticated
}

// explain returns the error that the native transport would give, or nil if the
// lines do not tell.
func (f *failure) explain() error {
	if m := saysNegotiation.FindStringSubmatch(f.final); m != nil {
		return &sshconn.AlgorithmError{What: negotiated(m[1]), Theirs: strings.Split(m[2], ",")}
	}
	for _, line := range f.tail() {
		if m := saysDenied.FindStringSubmatch(line); m != nil {
			return f.authError(strings.Split(m[1], ","), "")
		}
		if m := saysDisconnect.FindStringSubmatch(line); m != nil {
			if f.auth {
				return f.authError(nil, m[2])
			}
			reason, _ := strconv.Atoi(m[1])
			return &sshconn.DisconnectError{Reason: reason, Message: m[2]}
		}
	}
	return nil
}

// tail returns the last lines, without those for debugging, the last first.
func (f *failure) tail() []string {
	var last []string
	for i := len(f.lines) - 1; i >= 0 && len(last) < 3; i-- {
		if !isDebug(f.lines[i]) {
			last = append(last, f.lines[i])
		}
	}
	return last
}

// negotiated is the native transport's word for a kind of algorithm.
func negotiated(what string) string {
	switch what {
	case "key exchange method":
		return "key exchange"
	case "host key type":
		return "host key"
	}
	return what
}

// unseenKeyError is ssh's refusal of a key that nobody here saw. Why may be lost
// among a server's words.
func (f *failure) unseenKeyError() error {
	e := &sshconn.HostKeyError{Problem: sshconn.KeyDisputed, Host: hostkey.Name(f.cfg)}
	if problem, file := revokedWords(f.lines); problem != "" {
		e.Problem, e.File = problem, file
		return e
	}
	for _, line := range f.lines {
		if m := saysOffending.FindStringSubmatch(line); m != nil {
			e.File = m[1]
			e.Line, _ = strconv.Atoi(m[2])
		}
		switch {
		case strings.Contains(line, saysKeyChanged):
			e.Problem = sshconn.KeyChanged
		case strings.Contains(line, saysKeyRevoked):
			e.Problem = sshconn.KeyRevoked
		}
	}
	return e
}

// revokedWords returns what ssh has said of RevokedHostKeys: the problem, "" if
// there is none, and the file.
func revokedWords(lines []string) (problem, file string) {
	for _, line := range lines {
		if m := saysRevoked.FindStringSubmatch(line); m != nil {
			return sshconn.KeyRevoked, m[1]
		}
		if m := saysUncheckable.FindStringSubmatch(line); m != nil {
			return sshconn.KeyUncheckable, m[1]
		}
	}
	return "", ""
}

// authError puts together what ssh has said of the login. methods are those in
// its last word, or nil.
func (f *failure) authError(methods []string, disconnect string) error {
	e := &sshconn.AuthError{User: f.cfg.User, Host: f.cfg.HostName, Disconnect: disconnect, Typed: f.typed}
	for _, line := range f.lines {
		if m := saysOffer.FindStringSubmatch(line); m != nil {
			e.Tried = append(e.Tried, sshconn.TriedKey{
				Type: m[2], Fingerprint: m[3], Source: m[1], FromAgent: strings.Contains(m[4], " agent"),
			})
		} else if m := saysMethods.FindStringSubmatch(line); m != nil {
			e.Methods = strings.Split(m[1], ",")
		} else if m := saysSignFailed.FindStringSubmatch(line); m != nil && len(e.Tried) > 0 {
			e.Tried[len(e.Tried)-1].Problem = m[1]
		} else if m := saysNotLoaded.FindStringSubmatch(line); m != nil {
			e.Skipped = append(e.Skipped, sshconn.SkippedKey{File: m[1], Reason: skipReason(m[2]), Detail: m[2]})
		} else if strings.Contains(line, saysNoAgent) {
			e.Agent = sshconn.AgentAbsent
		} else if strings.Contains(line, saysAgentEmpty) {
			e.Agent = sshconn.AgentEmpty
		}
	}
	if methods != nil {
		e.Methods = methods
	}
	e.Interactive = !f.attended && (f.cfg.PasswordAuthentication && slices.Contains(e.Methods, "password") ||
		f.cfg.KbdInteractive && slices.Contains(e.Methods, "keyboard-interactive"))
	return e
}

// skipReason classifies why ssh did not load a key file (ssherr.c).
func skipReason(why string) string {
	switch {
	case strings.Contains(why, "bad permissions"):
		return sshconn.SkipPermissions
	case strings.Contains(why, "incorrect passphrase"):
		return sshconn.SkipEncrypted
	case strings.Contains(why, "No such file"):
		return sshconn.SkipMissing
	}
	return sshconn.SkipUnreadable
}

// acceptedKey returns the SHA256 fingerprint of the key that the server accepted.
// It is "" without one, and if FingerprintHash is another.
func acceptedKey(lines []string) (identity string) {
	for _, line := range lines {
		if m := saysAccept.FindStringSubmatch(line); m != nil {
			identity = m[3]
		}
	}
	if !strings.HasPrefix(identity, "SHA256:") {
		return ""
	}
	return identity
}

// addedNotes tell which key ssh has written down that nobody here saw.
func addedNotes(cfg *sshconfig.Config, lines []string) (notes []sshconn.Note) {
	for _, line := range lines {
		if m := saysAdded.FindStringSubmatch(line); m != nil && len(cfg.UserKnownHostsFiles) > 0 && !cfg.IsHushed() {
			notes = append(notes, sshconn.Note{Kind: sshconn.NoteAdded, Host: hostkey.Name(cfg), KeyType: m[2], File: cfg.UserKnownHostsFiles[0]})
		}
	}
	return notes
}

// tookAsNew reports whether ssh accepted the host key since it was a new one: it
// wrote the key down, or would have.
func tookAsNew(lines []string) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		return saysAdded.MatchString(line) || strings.HasPrefix(line, saysNotAdded)
	})
}
