package keeper

import (
	"context"
	"sync"
	"time"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/remote"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// service is what the keeper does for its clients.
type service struct{ *Keeper }

// server is the keeper's end of the control socket.
func (k *Keeper) server() *control.Server {
	return &control.Server{Log: k.log, Used: k.uses.Note, Answer: service{k}.answer}
}

// answer does what a client wants. An error is told to it.
//
// What fails is told by the functions below, before the client is no longer
// counted: the keeper may end with its last client, and one that hears nothing
// would look for another keeper.
func (s service) answer(ctx context.Context, c *control.Conversation) error {
	switch {
	case c.Op == control.OpAttach && c.Attach != nil && s.isFor(c.Attach.Config):
		return s.attach(ctx, c, *c.Attach)
	case c.Op == control.OpStart && c.Start != nil:
		return s.startServer(ctx, c, *c.Start)
	case c.Op == control.OpShell && c.Shell != nil:
		return s.runShell(ctx, c, *c.Shell)
	case remoteTasks[c.Op].do != nil:
		return s.runTask(ctx, c, remoteTasks[c.Op])
	case c.Op == control.OpTunnel:
		return s.addTunnels(ctx, c)
	case c.Op == control.OpCancel:
		return s.cancelTunnels(c)
	case c.Op == control.OpStatus:
		return c.Status(s.status())
	case c.Op == control.OpStop:
		s.stop()
		err := c.Done()
		<-ctx.Done() // the client hears of the end by the socket's
		return err
	}
	return control.ErrUnknownCall
}

// isFor reports whether a launch's configuration is for this keeper's
// destination. One that sends none goes by the keeper's.
func (s service) isFor(config *sshconfig.Config) bool {
	return config == nil || config.ID() == s.config().ID()
}

// stop ends the keeper although clients may need it, also should it be killed
// meanwhile.
func (k *Keeper) stop() {
	k.store.drop()
	k.update(func() { k.lifetime.stopping = true })
}

// attend counts a client that needs the connection until leave is called,
// which may be done more than once. It returns how many attempts had failed
// before.
func (s service) attend(askable bool) (failures int, leave func()) {
	asks := 0
	if askable {
		asks = 1
	}
	s.update(func() {
		s.clients.attached++
		s.clients.askable += asks
		s.clients.arrivals += asks
		failures = s.tries.failures
	})
	return failures, sync.OnceFunc(func() {
		s.update(func() {
			s.clients.attached--
			s.clients.askable -= asks
		})
	})
}

// stagePause is how long a person waits without a word before they are told
// what for, and again when that is something else by then. What they were just
// asked about is not told.
const stagePause = 2 * time.Second

// connected waits until the connection is up, or until an attempt fails that
// ended after the one counted by failures. Questions are taken from asks
// meanwhile, and what takes long is told; a nil asks takes none.
func (s service) connected(ctx context.Context, failures int, asks <-chan ask, put func(ask) error) (*remote.Connection, error) {
	var told sshconn.Stage
	quiet := time.NewTicker(stagePause)
	defer quiet.Stop()
	for {
		s.mu.Lock()
		conn, change, failed := s.conn, s.change, s.tries.failed
		works := conn.Ready()
		news := s.tries.failures > failures
		s.mu.Unlock()
		switch {
		case works:
			return conn, nil
		case news:
			return nil, failed
		}
		select {
		case <-change:
		case a := <-asks:
			if err := put(a); err != nil {
				return nil, err
			}
			told = s.stage() // the person who was just asked knows
			quiet.Reset(stagePause)
		case <-quiet.C:
			stage := s.stage()
			if asks == nil || stage == told || stage.Phase == "" || s.config().IsHushed() {
				continue
			}
			if err := put(ask{notice: &sshconn.Notice{Kind: sshconn.NoticeStage, Stage: &stage}}); err != nil {
				return nil, err
			}
			told = stage
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
