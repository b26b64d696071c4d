package sshconfig

import (
	"net/url"
	"strings"
)

// checkTyped applies the tests that ssh makes of the names on its command line,
// since an ssh before 9.6 makes none and a Match exec or a ProxyCommand hands
// them to a shell. In a file they are the user's own, and ssh takes them as
// they are. It fails with *DestinationError.
func checkTyped(sshCommand []string, dest string) error {
	user, host, named := parts(dest)
	if !validHost(host) {
		return &DestinationError{What: "host name", Value: host}
	}
	users := []string{}
	if named {
		users = append(users, user)
	}
	eachOption(sshCommand, func(option byte, value string) {
		keyword, name, _ := strings.Cut(value, "=")
		switch {
		case option == 'l':
			users = append(users, value)
		case option == 'o' && strings.EqualFold(strings.TrimSpace(keyword), "user"):
			users = append(users, strings.Trim(name, " \""))
		}
	})
	for _, name := range users {
		if !validUser(name) {
			return &DestinationError{What: "user name", Value: name}
		}
	}
	return nil
}

// parts takes a destination apart, [user@]host or an ssh:// URI. named reports
// whether it names a user.
func parts(dest string) (user, host string, named bool) {
	host, isURI := strings.CutPrefix(dest, "ssh://")
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		user, host, named = host[:at], host[at+1:], true
	}
	if isURI {
		host, _ = cutHost(strings.TrimSuffix(host, "/"))
		if plain, err := url.PathUnescape(user); err == nil {
			user = plain
		}
	}
	return user, host, named
}

// validHost is ssh.c's valid_hostname: nothing that a shell or an option
// parser takes for its own.
func validHost(s string) bool {
	return s != "" && s[0] != '-' && !strings.ContainsAny(s, "'`\"$\\;&<>|(){}") &&
		!strings.ContainsFunc(s, isSpaceOrControl)
}

// validUser is ssh.c's valid_ruser. A space is allowed unless a word that looks
// like an option follows it, a backslash (DOMAIN\user) unless it is the last.
func validUser(s string) bool {
	return s != "" && s[0] != '-' && !strings.ContainsAny(s, "'`\";&<>|(){}") &&
		!strings.ContainsFunc(s, isControl) &&
		!strings.Contains(s, " -") && !strings.HasSuffix(s, `\`)
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func isSpaceOrControl(r rune) bool { return r == ' ' || isControl(r) }

// checkWords fails with *WordsError if the last option of an ssh command lacks
// its value: ssh would take what mosha says next for it.
func checkWords(sshCommand []string) error {
	var lacks byte
	rest := sshCommand[programLength(sshCommand):]
	for len(rest) > 0 {
		rest = takeOptions(rest, func(option byte, value string) {
			if value == "" && len(rest) == 1 && strings.IndexByte(withValue, option) >= 0 {
				lacks = option
			}
		})
	}
	if lacks != 0 {
		return &WordsError{Option: "-" + string(lacks)}
	}
	return nil
}

// checkHost fails with *WordsError if ssh took one of its words for the host
// instead of the one that is meant. A script in place of ssh may have a reason
// to go elsewhere.
func checkHost(sshCommand []string, taken, meant string) error {
	for _, word := range sshCommand[1:] {
		if _, host, _ := parts(word); host == taken && taken != meant {
			return &WordsError{Host: taken}
		}
	}
	return nil
}
