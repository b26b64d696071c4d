package doctor

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/text"
)

// configLine is a line of sshd_config(5) on the remote that may keep a session
// from what it needs.
type configLine struct {
	file     string
	number   int
	key      string // in lower case
	value    string
	original string // as it is written
}

// parseConfigLine reads FILE:NUMBER:LINE.
func parseConfigLine(s string) (configLine, bool) {
	file, rest, ok := strings.Cut(s, ":")
	number, line, ok2 := strings.Cut(rest, ":")
	n, err := strconv.ParseUint(number, 10, 31)
	words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == '=' || r == '"' })
	if !ok || !ok2 || err != nil || len(words) == 0 {
		return configLine{}, false
	}
	return configLine{
		file: text.ASCII(file), number: int(n), key: strings.ToLower(words[0]),
		value: strings.ToLower(strings.Join(words[1:], " ")), original: text.ASCII(line),
	}, true
}

func (l configLine) where() string { return fmt.Sprintf("%s:%d", l.file, l.number) }

// blame is a line on the remote that explains what was seen, and where it is.
// Both are empty if none is known.
type blame struct{ line, where string }

// blameConfig returns the first line of sshd_config that switches something
// off: the first counts. It cannot know whether that line holds for this user,
// if it is below a Match.
func blameConfig(lines []configLine, off func(configLine) bool) blame {
	match := configLine{}
	for _, l := range lines {
		if match.file != l.file {
			match = configLine{}
		}
		switch {
		case l.key == "match":
			match = l
			if l.value == "all" {
				match = configLine{}
			}
		case off(l) && match.key != "":
			return blame{line: l.original, where: fmt.Sprintf("%s, below %q", l.where(), match.original)}
		case off(l):
			return blame{line: l.original, where: l.where()}
		}
	}
	return blame{}
}

// noForwarding reports whether a line forbids agent forwarding.
func noForwarding(l configLine) bool {
	return l.key == "allowagentforwarding" && l.value == "no" || l.key == "disableforwarding" && l.value == "yes"
}

// noUserRC reports whether a line keeps sshd from running ~/.ssh/rc.
func noUserRC(l configLine) bool {
	return l.key == "permituserrc" && l.value == "no" || l.key == "forcecommand" && l.value != "none"
}

// blameKey looks for an option of the key that was let in (sshd(8),
// AUTHORIZED_KEYS FILE FORMAT) that takes away what allow would give back.
// identity is the key's fingerprint; if it is empty, the options of any key
// count.
func blameKey(lines []string, identity, forbid, allow string) blame {
	for _, line := range lines {
		key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil || identity != "" && ssh.FingerprintSHA256(key) != identity {
			continue
		}
		off := ""
		for _, option := range options {
			name, _, _ := strings.Cut(strings.ToLower(option), "=")
			if name == forbid || name == "restrict" && !slices.ContainsFunc(options, func(o string) bool { return strings.EqualFold(o, allow) }) {
				off = name
			}
		}
		if off != "" {
			return blame{line: off, where: "~/.ssh/authorized_keys"}
		}
	}
	return blame{}
}

// blameForwarding returns what keeps the server from forwarding the agent.
func (f *facts) blameForwarding(identity string) blame {
	if b := blameKey(f.keys, identity, "no-agent-forwarding", "agent-forwarding"); b.line != "" {
		return b
	}
	return blameConfig(f.sshd, noForwarding)
}

// blameUserRC returns what keeps the server from running ~/.ssh/rc.
func (f *facts) blameUserRC(identity string) blame {
	if b := blameKey(f.keys, identity, "no-user-rc", "user-rc"); b.line != "" {
		return b
	}
	return blameConfig(f.sshd, noUserRC)
}
