package main

import "testing"

// TestNearest: one slip or two find the word, and what is another word does not.
func TestNearest(t *testing.T) {
	t.Parallel()
	words := []string{"connect", "keep", "reconnect", "status", "log", "doctor", "stop", "unsetup", "help", "version"}
	for typed, want := range map[string]string{
		"stauts": "status", "statsu": "status", "stat": "status", "statuss": "status", "sttaus": "status", "stopp": "stop",
		"lgo": "log", "logs": "log", "kepe": "keep", "docter": "doctor", "doc": "doctor", "unsteup": "unsetup", "reconect": "reconnect",
		"hlep": "help", "vesrion": "version", "status": "status",
		"": "", "s": "", "st": "", "devbox": "", "web-1": "", "build": "", "état": "", "gitlab.example.com": "", "stats.example.com": "", "10.0.0.1": "",
	} {
		if got := nearest(typed, words); got != want {
			t.Errorf("%q is taken for %q, want %q", typed, got, want)
		}
	}
}
