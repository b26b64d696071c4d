package sshconn

import "github.com/mosha-ssh/mosha/internal/text"

// Bounds, in bytes, on what a server can bring before a person.
const (
	MaxText   = 4 << 10  // one text
	MaxBanner = 8 << 10  // a banner: some are long; JSON may make six of one here too
	MaxWords  = 1 << 10  // what a server says last, in an error
	MaxShown  = 32 << 10 // all notices of one attempt
)

// Bounded cuts a text from the server to MaxText.
func Bounded(said string) string { return text.Cut(said, MaxText) }

// Words cleans and cuts what the other side says, for an error that goes on to
// logs and to other processes. No honest side says more.
func Words(said string) string { return text.Cut(text.Clean(said), MaxWords) }

// Few bounds a list of names from the server: no honest one is longer.
func Few(names []string) []string {
	const most, longest = 64, 64
	var kept []string
	for _, name := range names[:min(len(names), most)] {
		kept = append(kept, name[:min(len(name), longest)])
	}
	return kept
}

// Wipe overwrites answers that a person typed.
func Wipe(answers [][]byte) {
	for _, answer := range answers {
		clear(answer)
	}
}
