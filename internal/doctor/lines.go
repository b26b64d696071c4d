package doctor

import (
	"net/netip"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/mosha-ssh/mosha/internal/remotesh"
	"github.com/mosha-ssh/mosha/internal/text"
)

// linkState is the state of the link on the remote (none, occupied by another
// kind of file, live or dead) and its text.
type linkState struct{ state, text string }

func parseLink(rest string) (linkState, bool) {
	state, text, _ := strings.Cut(rest, " ")
	switch state {
	case "none", "occupied":
		return linkState{state: state}, true
	case "live", "dead":
		return linkState{state: state, text: text}, true
	}
	return linkState{}, false
}

// parseServer returns the server's address in SSH_CONNECTION, an invalid one if
// it has none (ssh(1), ENVIRONMENT).
func parseServer(rest string) netip.Addr {
	words := strings.Split(rest, " ")
	if len(words) != 4 {
		return netip.Addr{}
	}
	addr, err := netip.ParseAddr(words[2])
	if err != nil || addr.Zone() != "" {
		return netip.Addr{}
	}
	return addr.Unmap()
}

// shellName matches what may be the name of a shell.
var shellName = regexp.MustCompile(`^[A-Za-z0-9._+-]{1,32}$`)

// facts are what the facts part of the probe reports.
type facts struct {
	fixed      bool           // the home cannot be written to
	place      remotesh.Place // where the link is
	taken      string         // the shell that a start-up file runs in the place of sh
	link       linkState
	sshd       []configLine
	unreadable string   // an sshd_config that cannot be read
	keys       []string // lines of authorized_keys
	login      string   // the login shell's name
	others     []string
	said       map[string]shellWords
}

// shellWords are what a fresh login shell reported, or that it ended.
type shellWords struct {
	said, ended bool
	agentPID    int    // above 1 if a start-up file names one
	sock        string // SSH_AUTH_SOCK
}

// take reads a line of the facts part. It reports whether the script prints
// such a line.
func (f *facts) take(word, rest string) bool {
	switch word {
	case "conn":
	case "home":
		f.fixed = rest == "fixed"
	case "place":
		f.place = remotesh.Place(rest)
		return f.place == remotesh.PlaceHome || f.place == remotesh.PlaceRuntime || f.place == remotesh.PlaceNone
	case "taken":
		f.taken = rest
		return shellName.MatchString(rest)
	case "link":
		var ok bool
		f.link, ok = parseLink(rest)
		return ok
	case "sshd":
		if line, ok := parseConfigLine(rest); ok {
			f.sshd = append(f.sshd, line)
		}
	case "unreadable":
		f.unreadable = text.ASCII(rest)
	case "key":
		f.keys = append(f.keys, rest)
	case "login":
		f.login, _, _ = strings.Cut(rest, " ")
		return shellName.MatchString(f.login)
	case "other":
		f.others = append(f.others, rest)
		return shellName.MatchString(rest)
	default:
		return f.takeShell(word, rest)
	}
	return true
}

// takeShell reads the lines that may come at any time. It passes over all
// others, such as what csh prints beside.
func (f *facts) takeShell(word, rest string) bool {
	name, rest, _ := strings.Cut(rest, " ")
	if f.said == nil {
		f.said = map[string]shellWords{}
	}
	words := f.said[name]
	switch word {
	case "sh":
		pid, sock, _ := strings.Cut(rest, " ")
		n, err := strconv.ParseUint(pid, 10, 31)
		if err == nil && n > 1 {
			words.agentPID = int(n)
		}
		words.said, words.sock = true, sock
	case "ended":
		words.ended = true
	default:
		return true
	}
	if shellName.MatchString(name) {
		f.said[name] = words
	}
	return true
}

// complete reports whether every shell that was asked has answered or ended.
func (f *facts) complete() bool {
	for _, name := range f.shells() {
		if words := f.said[name]; !words.said && !words.ended {
			return false
		}
	}
	return true
}

// shells are those that were asked, the login shell first.
func (f *facts) shells() []string { return append([]string{f.login}, f.others...) }

// isLink reports whether a value of SSH_AUTH_SOCK is the link's name.
func isLink(sock string) bool {
	return path.IsAbs(sock) && strings.HasSuffix(path.Clean(sock), "/.ssh/ssh_auth_sock")
}

// serverStart is what the probe reports of mosh-server's start.
type serverStart struct {
	address netip.Addr
	charmap string
	utf8    string // a UTF-8 locale that is installed there
	said    []string
	code    int
	done    bool
}

func (s *serverStart) take(word, rest string) bool {
	switch word {
	case "conn":
		s.address = parseServer(rest)
	case "charmap":
		s.charmap = text.ASCII(rest)
	case "utf8":
		s.utf8 = text.ASCII(rest)
	case "said":
		s.said = append(s.said, rest)
	case "code":
		n, err := strconv.ParseUint(rest, 10, 8)
		s.code, s.done = int(n), err == nil || rest == "unknown"
		return s.done
	default:
		return false
	}
	return true
}

// agentSeen is what the probe reports of the forwarded agent.
type agentSeen struct {
	path  string   // its socket, "" if none is forwarded
	named bool     // SSH_AUTH_SOCK names it: no start-up file has changed that
	mute  bool     // the link leads elsewhere, and no agent answers there
	keys  []string // as ssh-add -L prints them
	code  int      // ssh-add's
	via   string   // link, socket or none
	done  bool
}

func (a *agentSeen) take(word, rest string) bool {
	switch word {
	case "conn":
	case "agent":
		if rest != "none" {
			a.path = text.ASCII(rest)
		}
	case "named":
		a.named = rest == "yes"
	case "through":
		code, err := strconv.ParseUint(rest, 10, 8)
		a.mute = code > 1 // 1: it has no keys
		return err == nil
	case "key":
		a.keys = append(a.keys, rest)
	case "keys":
		code, via, _ := strings.Cut(rest, " ")
		n, err := strconv.ParseUint(code, 10, 8)
		a.code, a.via, a.done = int(n), text.ASCII(via), err == nil
		return err == nil
	default:
		return false
	}
	return true
}
