package guard

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// TestTally: whatever a remote does in a minute costs a few lines of the log,
// which count all of it.
func TestTally(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		agent := true
		g := New(func(ctx context.Context) (net.Conn, string, error) {
			if !agent {
				return nil, "", os.ErrNotExist
			}
			return scripted(echo)(ctx)
		}, zerolog.New(&log))
		channel := func(requests ...[]byte) {
			client, channel := net.Pipe()
			done := make(chan struct{})
			go func() {
				defer close(done)
				_ = g.Serve(t.Context(), channel, nil)
			}()
			for _, request := range requests {
				_, _ = client.Write(request)
				var f frame
				_ = f.read(client)
			}
			client.Close()
			<-done
		}
		for range 1000 {
			channel(encode(11), encode(13), encode(20), encode(26))
			channel(make([]byte, 4))
		}
		agent = false
		for range 1000 {
			channel(encode(11))
		}
		time.Sleep(2 * tallyPeriod)
		synctest.Wait()
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		var last map[string]any
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
			t.Fatal(err)
		}
		for field, want := range map[string]float64{"channels": 3000, "requests": 5000, "signs": 1000, "refused": 3000, "failed": 2000} {
			if last[field] != want {
				t.Errorf("%s is %v, want %v", field, last[field], want)
			}
		}
		if len(lines) > 6 {
			t.Errorf("%d lines:\n%s", len(lines), log.String())
		}
		log.Reset()
		time.Sleep(time.Hour)
		synctest.Wait()
		if log.Len() > 0 {
			t.Errorf("with nothing to tell it says %s", log.String())
		}
		for range 60 {
			channel(encode(11), encode(20))
			channel(make([]byte, 4))
			time.Sleep(tallyPeriod)
		}
		synctest.Wait()
		if n := strings.Count(log.String(), "\n"); n > 70 {
			t.Errorf("in an hour it says %d lines", n)
		}
		log.Reset()
		time.Sleep(time.Hour)
		channel(encode(11))
		g.End()
		if !strings.Contains(log.String(), "no agent for a remote request") || !strings.Contains(log.String(), `"requests":1`) {
			t.Errorf("in the next period it says %s", log.String())
		}
	})
}
