package text

import "strings"

// Match reports whether the pattern covers all of s: * stands for any run of
// bytes and ? for one (OpenSSH's match.c, match_pattern). It goes back to the
// last * only, so hostile patterns cost no more than their length times that of
// s.
func Match(pattern, s string) bool {
	// star is the place of the last *, taken how much of s it has taken so far.
	p, i, star, taken := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, taken = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			taken++
			p, i = star+1, taken
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
