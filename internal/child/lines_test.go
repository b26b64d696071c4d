package child

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// TestLinesAreShown when a person sees a line of a program.
func TestLinesAreShown(t *testing.T) {
	const holdBack = time.Second
	var mu sync.Mutex
	var shown []string
	begin := func() *Lines {
		shown = nil
		return &Lines{Log: zerolog.Nop(), HoldBack: holdBack, Tell: func(line string) {
			mu.Lock()
			defer mu.Unlock()
			shown = append(shown, line)
		}}
	}
	is := func(what string, want ...string) {
		t.Helper()
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if !slices.Equal(shown, want) {
			t.Errorf("%s: %q, want %q", what, shown, want)
		}
	}
	synctest.Test(t, func(*testing.T) {
		l := begin()
		fmt.Fprint(l, "one\ntwo\nthr")
		is("the last line waits", "one")
		time.Sleep(holdBack + time.Millisecond)
		is("not for ever, nor does one without an end", "one", "two", "thr")
		fmt.Fprint(l, "ee\nfour\n")
		l.Show()
		is("a question lets all be seen before", "one", "two", "thr", "ee", "four")
		fmt.Fprint(l, "five\n")
		l.Hush()
		fmt.Fprint(l, "six\n")
		time.Sleep(2 * holdBack)
		is("the end is the end", "one", "two", "thr", "ee", "four", "five")

		l = begin()
		fmt.Fprint(l, "one\ntwo\n")
		if last := l.Last(); last != "two" {
			t.Errorf("last is %q", last)
		}
		l.Hush()
		is("what is in the error is not shown", "one")

		l = begin()
		fmt.Fprint(l, "one\ntwo\n")
		l.End()
		time.Sleep(2 * holdBack)
		is("last words are for the error", "one")
		l.Hush()
		is("if there is one", "one", "two")

		l = begin()
		for i := range 10 * maxToldLines {
			fmt.Fprintf(l, "%d %s\n", i, strings.Repeat("x", 100))
		}
		l.Hush()
		if len(shown) != maxToldLines {
			t.Errorf("%d lines are shown", len(shown))
		}
		l = begin()
		for range 2 * maxToldLines {
			fmt.Fprint(l, strings.Repeat("x", 2*maxLine))
		}
		l.Hush()
		if n := len(strings.Join(shown, "")); n > maxTold || n < maxTold/2 {
			t.Errorf("%d bytes are shown", n)
		}
	})
}

func TestLines(t *testing.T) {
	var log bytes.Buffer
	l := &Lines{Log: zerolog.New(&log)}
	write := func(s string) {
		if n, err := l.Write([]byte(s)); n != len(s) || err != nil {
			t.Fatal(n, err)
		}
	}
	write("one\r\ntw")
	write("o\n\n \n")
	if l.Last() != "two" {
		t.Errorf("last line %q", l.Last())
	}
	for range 100 {
		write(strings.Repeat("x", maxLine/2))
		if len(l.partial) > 2*maxLine {
			t.Fatalf("%d bytes of a line are kept", len(l.partial))
		}
	}
	write("\nan end")
	if l.Last() != "an end" {
		t.Errorf("last line %q", l.Last())
	}
}
