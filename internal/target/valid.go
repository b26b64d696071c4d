package target

import "strings"

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

func isControl(r rune) bool        { return r < ' ' || r == 0x7f }
func isSpaceOrControl(r rune) bool { return r == ' ' || isControl(r) }
