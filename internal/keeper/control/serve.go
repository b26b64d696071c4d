package control

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// Server answers a keeper's clients.
type Server struct {
	Log zerolog.Logger
	// Used is called when a client comes.
	Used func()
	// Answer does what the client wants. An error is told to it.
	Answer func(ctx context.Context, c *Conversation) error
}

// Listen makes the control socket. A stale one is removed: whoever has the
// keeper's lock knows that nobody listens on it.
func Listen(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return net.Listen("unix", path)
}

// Serve answers clients until the listener is closed, and returns when the last
// conversation has ended.
func (s *Server) Serve(ctx context.Context, listener net.Listener) {
	var clients sync.WaitGroup
	defer clients.Wait()
	places := newPlaces(maxClients)
	for {
		conn, err := s.accept(listener)
		if err != nil {
			return
		}
		place := places.take(conn)
		clients.Go(func() {
			defer place.leave()
			s.Converse(ctx, conn, place.heard)
		})
	}
}

// noise lets some of what can be provoked from outside into the log, and no
// more: a client that comes again and again must not push all else out of it.
var noise = &zerolog.BurstSampler{Burst: 10, Period: time.Minute}

// acceptRest is how long accept waits when the system has no descriptor left.
const acceptRest = 50 * time.Millisecond

// accept returns the next client of the same user. The error reports that the
// listener is closed; all others pass.
func (s *Server) accept(listener net.Listener) (net.Conn, error) {
	log := s.Log.Sample(noise)
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		if err != nil {
			log.Warn().Err(err).Msg("control socket")
			time.Sleep(acceptRest)
			continue
		}
		err = checkPeer(conn, os.Getuid())
		if err == nil {
			return conn, nil
		}
		log.Warn().Err(err).Msg("client refused")
		_ = conn.Close()
	}
}

// Converse serves one client. What it sends that is not of the protocol ends
// the conversation and nothing else. It calls heard when it has the client's
// call. It understands stop in every version, so that a person can get rid of a
// keeper that speaks another.
func (s *Server) Converse(ctx context.Context, conn net.Conn, heard func()) {
	w := newWire(conn)
	defer w.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = w.Close() })()
	s.Used()

	more := make(chan Call, 1)
	c := &Conversation{w: w, More: more}
	if err := w.receiveCall(&c.Call); err != nil {
		quiet := s.Log.Sample(noise)
		quiet.Debug().Err(err).Msg("client said nothing useful")
		return
	}
	heard()
	if c.Version != protocolVersion && c.Op != OpStop {
		_ = c.Fail(&VersionError{Keeper: protocolVersion, Client: c.Version})
		return
	}
	go c.listen(cancel, more)
	if err := s.Answer(ctx, c); err != nil {
		_ = c.Fail(err)
	}
}

// Conversation is the keeper's end of a conversation with a client. What it tells
// may come from several goroutines; one at a time may ask.
type Conversation struct {
	Call             // the client's first
	More <-chan Call // what it sends later, without its answers
	w    *wire

	mu     sync.Mutex
	asked  int         // questions so far; the last of them has this number
	answer chan answer // takes its answer; nil: it has it, or is void
}

// ErrUnknownCall reports that a client wants what no keeper does.
var ErrUnknownCall = errors.New("unknown call")

// listen hands on what else the client sends. It ends the conversation's context
// when the client is gone, or sends more than one call ahead: the keeper does one
// call at a time, and one that waits must not hide that its client is gone.
func (c *Conversation) listen(cancel func(), more chan<- Call) {
	defer cancel()
	for {
		var call Call
		if err := c.w.receive(&call); err != nil {
			return
		}
		if call.Answer != nil {
			if call.Answer.receive(c.w) != nil {
				return
			}
			c.take(*call.Answer)
			continue
		}
		select {
		case more <- call:
		default:
			return
		}
	}
}

// take hands an answer to whoever asked. It overwrites one to a void question.
func (c *Conversation) take(a answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answer == nil || a.Number != c.asked {
		sshconn.Wipe(a.secrets)
		return
	}
	c.answer <- a
	c.answer = nil
}

// Ask puts a question to the client, and returns the answers, which the caller
// overwrites. They are nil if the person ended the question, or if void was
// closed first. An error reports that the conversation is over.
func (c *Conversation) Ask(ctx context.Context, q Inquiry, void <-chan struct{}) ([][]byte, error) {
	number, answered := c.open()
	defer c.close(answered)
	if err := c.w.send(reply{Ask: &q, Number: number}); err != nil {
		return nil, err
	}
	select {
	case a := <-answered:
		if a.OK && len(a.secrets) == q.answers() {
			return a.secrets, nil
		}
		sshconn.Wipe(a.secrets)
		return nil, nil
	case <-c.More:
		return nil, ErrUnknownCall
	case <-void:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// open begins a question, and close ends it.
func (c *Conversation) open() (number int, answered chan answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	c.answer = make(chan answer, 1)
	return c.asked, c.answer
}

func (c *Conversation) close(answered <-chan answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = nil
	select {
	case a := <-answered:
		sshconn.Wipe(a.secrets)
	default:
	}
}

// Fail tells the client why it cannot be served.
func (c *Conversation) Fail(err error) error { return c.w.send(reply{Error: encodeError(err)}) }

// Heard tells an attached client that the keeper lives.
func (c *Conversation) Heard() error { return c.w.send(reply{Heard: true}) }

// Tell shows a notice to the client's person.
func (c *Conversation) Tell(n sshconn.Notice) error { return c.w.send(reply{Tell: &n}) }

// Up tells that the connection is there.
func (c *Conversation) Up(up *Connected) error { return c.w.send(reply{Up: up}) }

// Settled tells that the remote is ready for use, or as ready as it will be.
func (c *Conversation) Settled(r Ready) error { return c.w.send(reply{Settled: &r}) }

// Output hands on what a start or a shell prints.
func (c *Conversation) Output(p []byte) error { return c.w.send(reply{Output: p}) }

// Exit tells the exit code of a start or a shell, -1 where the server told none.
func (c *Conversation) Exit(code int) error { return c.w.send(reply{Exit: &code}) }

// Report tells what became of the remote's files.
func (c *Conversation) Report(r *SetupReport) error { return c.w.send(reply{Report: r}) }

// Status tells how the keeper is.
func (c *Conversation) Status(s *Status) error { return c.w.send(reply{Status: s}) }

// Tunnels tells how the tunnels are that were asked for.
func (c *Conversation) Tunnels(all []Tunnel) error { return c.w.send(reply{Tunnels: all, Done: true}) }

// Done tells that the last call was carried out.
func (c *Conversation) Done() error { return c.w.send(reply{Done: true}) }
