package control

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

// TestEnvironment bounds what a launcher sends.
func TestEnvironment(t *testing.T) {
	environ := []string{"FIRST=1", "HUGE=" + strings.Repeat("x", maxVariable), "BYTES=a\xffb\nc"}
	for i := range 100 {
		environ = append(environ, fmt.Sprintf("MANY%d=%s", i, strings.Repeat("x", maxVariable/2)))
	}
	environ = append(environ, "LAST=1")
	sent := Environment(environ)
	has := func(variable string) bool {
		return slices.ContainsFunc(sent, func(v []byte) bool { return string(v) == variable })
	}
	if !has("FIRST=1") || !has("BYTES=a\xffb\nc") || !has("LAST=1") || has(environ[1]) {
		t.Error("what is small is missing, or what is huge is there")
	}
	if n := len(bytes.Join(sent, nil)); n > maxEnv || n < maxEnv-maxVariable {
		t.Errorf("%d bytes", n)
	}
}

// TestAttachConfigTooLong: it is refused at once, where no keeper would read it.
func TestAttachConfigTooLong(t *testing.T) {
	l := listenForTest(t)
	client, err := Connect(t.Context(), l.spec.Dirs, l.spec.ID())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	long := &sshconfig.Config{SetEnv: []string{strings.Repeat("x", maxCall)}}
	if _, err := client.Attach(Attach{Config: long}, nil); !errors.Is(err, errLineTooLong) {
		t.Errorf("attached: %v", err)
	}
	l.honest()
}
