package keeper

import (
	"context"

	"github.com/mosha-ssh/mosha/internal/keeper/remote"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey"
)

// working returns the connection, nil if there is none or it may be gone.
func (s service) working() *remote.Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.conn.Works() {
		return nil
	}
	return s.conn
}

// vet has the host key of a connection judged by a launch's configuration, since
// it may have been accepted by another that is not as strict. What has to be asked
// is put to that launch. It returns the connection, and what the launch should
// know of how it was made. The error is that of hostkey.Recheck.
func (s service) vet(ctx context.Context, conn *remote.Connection, config *sshconfig.Config, put func(ask) error) (*remote.Connection, []sshconn.Note, error) {
	switch {
	case conn == nil:
		return nil, nil, nil
	case config == nil, config == conn.Facts().Judged: // what was dialed for this launch
		return conn, conn.News(), nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	own := questions{asks: make(chan ask), others: s.canAsk}
	opts := sshconn.Options{Log: s.log, Ask: own.hostKey, Tell: func(n sshconn.Notice) { own.tell(ctx, n) }}
	s.mu.Lock()
	opts.Accepted = s.known.accepted
	s.mu.Unlock()
	var verdict hostkey.Verdict
	var err error
	judged := make(chan struct{})
	go func() {
		defer close(judged)
		verdict, err = hostkey.Recheck(ctx, conn.Facts(), config, opts)
	}()
	for {
		select {
		case a := <-own.asks:
			if err := put(a); err != nil {
				cancel()
				<-judged
				return nil, nil, err
			}
		case <-judged:
			if verdict.Accepted != nil {
				s.update(func() { s.known.accepted = verdict.Accepted })
			}
			return conn, verdict.Notes, err
		}
	}
}
