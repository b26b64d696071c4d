package link

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/lab/homes"
	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// counter is a Runner whose shells count what is written to them, and end.
type counter struct{ bytes int }

func (c *counter) Shell(context.Context) (remotesh.Shell, error) {
	return struct {
		io.Reader
		io.Writer
		io.Closer
	}{strings.NewReader(""), c, io.NopCloser(nil)}, nil
}

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += len(p)
	return len(p), nil
}

// TestScriptsAreSmall: they travel at each launch, and both together are to fit
// into the ten segments that TCP sends at first (RFC 6928), each of 1,220 bytes
// where the way takes no more than IPv6's least, as in many a VPN.
func TestScriptsAreSmall(t *testing.T) {
	var setup, undo counter
	_, _ = bootstrap.Setup(t.Context(), &setup)
	_, _ = bootstrap.Undo(t.Context(), &undo)
	holder := len(script(claim, 5*time.Second, remotesh.Forwarding{OpenSSH: true}))
	if setup.bytes == 0 || setup.bytes > 5<<10 || setup.bytes+holder > 12_000 {
		t.Errorf("set-up has %d bytes and the holder %d", setup.bytes, holder)
	}
	if undo.bytes <= setup.bytes {
		t.Errorf("undo has %d bytes, and set-up %d with it", undo.bytes, setup.bytes)
	}
}

// TestScriptIsPlain: what other systems do not have must not be used.
func TestScriptIsPlain(t *testing.T) {
	homes.Plain(t, "holder", string(script("", time.Second, remotesh.Forwarding{})))
}
