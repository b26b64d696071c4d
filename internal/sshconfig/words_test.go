package sshconfig

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWords(t *testing.T) {
	for _, test := range []struct {
		in   string
		want []string
	}{
		{"", nil},
		{" \t ", nil},
		{"ssh", []string{"ssh"}},
		{" ssh  -p 2222 ", []string{"ssh", "-p", "2222"}},
		{`ssh -i "my key" -o 'ProxyCommand=nc %h %p'`, []string{"ssh", "-i", "my key", "-o", "ProxyCommand=nc %h %p"}},
		{`ssh -i my\ key`, []string{"ssh", "-i", "my key"}},
		{`a"b 'c"d e''`, []string{`ab 'cd`, "e"}},
		{`a "" ''`, []string{"a", "", ""}},
		{`"a\"b\\c\nd" 'a\b'`, []string{`a"b\cnd`, `a\b`}},
		{"ssh; rm -rf $HOME `id` | (x) > y", []string{"ssh;", "rm", "-rf", "$HOME", "`id`", "|", "(x)", ">", "y"}},
	} {
		got, err := Words(test.in)
		if err != nil {
			t.Errorf("Words(%q): %v", test.in, err)
		} else if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("Words(%q) (-want +got):\n%s", test.in, diff)
		}
	}
}

func TestWordsUnfinished(t *testing.T) {
	for in, quote := range map[string]string{`ssh "a`: `"`, `ssh 'a`: `'`, `ssh a\`: `\`, `'a\'`: `'`, `"a\"`: `"`} {
		_, err := Words(in)
		var bad *QuoteError
		if !errors.As(err, &bad) || bad.Quote != quote || bad.Text != in {
			t.Errorf("Words(%q) = %v, want a QuoteError with %s", in, err, quote)
		}
	}
}

// TestWordsAsPerl compares with the library that mosh itself uses.
func TestWordsAsPerl(t *testing.T) {
	ins := []string{
		`ssh -p 2222`, ` a  b `, `a\ b`, `"a\"b"`, `'a\b' c`, `'a\'b' c`, `a'b c'd"e f"g`, `"" ''`, `\\\"`, "a\nb\tc", "a\vb\fc",
		`-o 'ProxyCommand=ssh -W "%h:%p" x'`, `$HOME ~ *`, `"a`, `a'`, `a\`, `'a\'`, `"a\"`, `a"b"'c'd`, `é"ü ñ"`, `'\\'`,
	}
	for _, in := range ins {
		want := perlWords(t, in)
		got, err := Words(in)
		if err != nil {
			got = nil
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Words(%q) (-perl +got):\n%s", in, diff)
		}
	}
}

func perlWords(t *testing.T, in string) []string {
	t.Helper()
	const script = `use Text::ParseWords; print map { "$_\0" } shellwords($ARGV[0]);`
	out, err := exec.Command("perl", "-e", script, "--", in).Output()
	if err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

func FuzzWords(f *testing.F) {
	f.Add(`ssh -i "my key" -o 'a b' c\ d`)
	f.Add(`"\`)
	f.Fuzz(func(t *testing.T, in string) {
		words, err := Words(in)
		if err != nil {
			return
		}
		again, err := Words(quoteAll(words))
		if err != nil || !cmp.Equal(words, again) {
			t.Errorf("%q: %q, quoted again %q, %v", in, words, again, err)
		}
	})
}

// quoteAll joins words so that Words parts them again.
func quoteAll(words []string) string {
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(w)+`"`)
	}
	return strings.Join(quoted, " ")
}
