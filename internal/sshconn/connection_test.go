package sshconn

import (
	"bytes"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// late is a channel whose other side sends more behind the end of the stream.
type late struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *late) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Read(p)
}

func (l *late) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

func (l *late) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Len()
}

func (*late) Close() error { return nil }

// TestForget: a channel that is closed here alone keeps nothing that comes.
func TestForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stream, gone := new(late), make(chan struct{})
		channel := &AgentChannel{ReadWriteCloser: stream, Gone: gone}
		forgotten := make(chan struct{})
		go func() {
			defer close(forgotten)
			channel.Forget(t.Context())
		}()
		for range 10 {
			_, _ = stream.Write(make([]byte, 1<<20))
			time.Sleep(forgetPeriod)
			synctest.Wait()
			if stream.Len() > 0 {
				t.Errorf("%d bytes are kept", stream.Len())
			}
		}
		close(gone)
		<-forgotten
		(&AgentChannel{ReadWriteCloser: stream}).Forget(t.Context()) // of ssh's
	})
}
