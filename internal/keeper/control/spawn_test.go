package control

import (
	"os"
	"testing"
)

// TestFindsOneThatCameBack: a launch whose own keeper does not start, since
// another one has just taken the place.
func TestFindsOneThatCameBack(t *testing.T) {
	l := listenForTest(t)
	away := l.path() + ".away"
	if err := os.Rename(l.path(), away); err != nil {
		t.Fatal(err)
	}
	argv := []string{"/bin/sh", "-c", `mv "$0" "$1" && echo '{"error":"locked"}' >&3`, away, l.path()}
	client, err := FindOrSpawn(t.Context(), l.spec, argv)
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	if status, err := StatusOf(t.Context(), l.spec.Dirs, l.spec.ID()); err != nil || status.Destination != "devbox" {
		t.Errorf("%+v, %v", status, err)
	}
}
