package text

import (
	"strings"
	"testing"
)

// FuzzCut: a server's text is cut between characters and stays text.
func FuzzCut(f *testing.F) {
	const most = 1 << 10
	f.Add("plain")
	f.Add(strings.Repeat("ä", most))
	f.Add("\xff\xfe" + strings.Repeat("€", most))
	f.Fuzz(func(t *testing.T, text string) {
		cut := Cut(text, most)
		valid := strings.ToValidUTF8(text, "?")
		if len(cut) > most || !strings.HasPrefix(valid, cut) || len(valid) > most && len(cut) < most-4 {
			t.Errorf("%d bytes became %d", len(text), len(cut))
		}
	})
}

func TestLines(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "a": "a\n", "a\n": "a\n", "a\r\nb": "a\nb\n", "a\n\nb\n": "a\n\nb\n", "\ta": "    a\n", "a\rb": `a\rb` + "\n",
	} {
		if got := Lines(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
