package explain

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mosha-ssh/mosha/internal/doctor"
)

// Seen are the words for a check that went well.
func Seen(c doctor.Check) string {
	f := c.Facts
	switch c.Name {
	case doctor.CheckSSH:
		return joined("%s", f["version"], "for %s", f["user"]+"@"+f["host_name"]+" port "+f["port"])
	case doctor.CheckMosh, doctor.CheckMoshClient, doctor.CheckMoshServer:
		return f["version"]
	case doctor.CheckLocale:
		return joined("%s", f["charmap"], "(%s)", f["setting"])
	case doctor.CheckAgent:
		named := f["named_by"]
		if named == "SSH_AUTH_SOCK" {
			named = ""
		}
		return joined("%s", count(f["keys"], "key"), "at %s", f["socket"], "(%s)", named)
	case doctor.CheckKeeper:
		return keeperWords(f)
	case doctor.CheckConnection:
		return joined("to %s", f["address"], "port %s", f["port"], "in %s", duration(f["round_trip"]))
	case doctor.CheckUDP:
		return joined("mosh's handshake on port %s", f["port"], "in %s", duration(f["round_trip"]))
	}
	return seenThere(c)
}

// seenThere is Seen for what is on the remote.
func seenThere(c doctor.Check) string {
	f := c.Facts
	switch c.Name {
	case doctor.CheckShell:
		return f["login_shell"]
	case doctor.CheckServerLocale:
		if f["charmap"] != "UTF-8" {
			return "its own is " + f["charmap"] + ", so mosh-server takes yours"
		}
		return f["charmap"]
	case doctor.CheckForwarding:
		return "the server forwards the agent"
	case doctor.CheckLink:
		return linkWords(f)
	case doctor.CheckSignature:
		if f["via"] == "link" {
			return "made by the agent here, through ~/.ssh/ssh_auth_sock"
		}
		return "made by the agent here"
	case doctor.CheckSetup:
		return "in place"
	case doctor.CheckUserRC:
		return "the server runs it"
	}
	return f["shell"] + " has ~/.ssh/ssh_auth_sock in SSH_AUTH_SOCK"
}

func keeperWords(f map[string]string) string {
	if f["state"] == "none" {
		return "none runs"
	}
	return joined("%s,", f["state"], "%s", count(f["sessions"], "session"))
}

func linkWords(f map[string]string) string {
	switch f["owner"] {
	case "own":
		return "leads to the agent here"
	case "other":
		return "leads to the agent of another machine or login (" + f["target"] + ")"
	}
	return "none now; it is there while a session lasts"
}

// joined fills each pattern with the value after it and leaves out those whose
// value is empty.
func joined(pairs ...string) string {
	var words []string
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			words = append(words, fmt.Sprintf(pairs[i], pairs[i+1]))
		}
	}
	return strings.Join(words, " ")
}

// count is a number and what is counted: 1 key, 2 keys.
func count(n, what string) string {
	if n != "1" {
		what += "s"
	}
	return n + " " + what
}

// duration words seconds as status does.
func duration(seconds string) string {
	s, err := strconv.ParseFloat(seconds, 64)
	if err != nil {
		return ""
	}
	return RoundTrip(s)
}

// RoundTrip words a measured time in seconds, "-" if there is none.
func RoundTrip(seconds float64) string {
	ms := seconds * 1000
	switch {
	case ms == 0:
		return "-"
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// labels are the names for a person of checks that are named by inner words.
var labels = map[string]string{doctor.CheckUserRC: "~/.ssh/rc", doctor.CheckKeeper: "background", doctor.CheckLink: "agent socket"}

// Label is a check's name for a person.
func Label(name string) string {
	if known := labels[name]; known != "" {
		return known
	}
	return strings.ReplaceAll(strings.TrimPrefix(name, doctor.CheckOtherShell), "-", " ")
}
