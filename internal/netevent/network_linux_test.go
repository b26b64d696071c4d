package netevent

import (
	"bytes"
	"os"
	"testing"

	"github.com/rs/zerolog"
)

func TestEndOfSocketIsLoggedOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		lines int
		end   func(r, w *os.File) error
	}{
		{"it fails", 1, func(_, w *os.File) error { return w.Close() }},
		{"it is closed", 0, func(r, _ *os.File) error { return r.Close() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, w, err := os.Pipe()
			check(t, err)
			t.Cleanup(func() {
				_ = r.Close()
				_ = w.Close()
			})
			s := &socket{file: r, buffer: make([]byte, bufferSize), judge: newNetlink()}
			_, err = w.Write(datagram(t, defaultRoute))
			check(t, err)
			var logged bytes.Buffer
			reports := 0
			s.watch(zerolog.New(&logged).Level(zerolog.WarnLevel), func() {
				reports++
				check(t, test.end(r, w))
			})
			if n := bytes.Count(logged.Bytes(), []byte("\n")); n != test.lines || reports != 1 {
				t.Errorf("%d reports, logged %q", reports, logged.String())
			}
		})
	}
}
