package tunnel

import (
	"bytes"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/ssh"
)

// grantor is an SSH connection whose server listens wherever it is asked to.
type grantor struct{ done chan struct{} }

func (*grantor) OpenChannel(string, []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	return nil, nil, &ssh.OpenChannelError{Reason: ssh.Prohibited}
}

func (*grantor) SendRequest(string, bool, []byte) (bool, []byte, error) {
	return true, ssh.Marshal(struct{ Port uint32 }{2222}), nil
}

func (g *grantor) Done() <-chan struct{} { return g.done }

// offer is a channel that a server wants to open.
type offer struct {
	kind    string
	extra   []byte
	refused chan ssh.RejectionReason
}

func (o *offer) ChannelType() string { return o.kind }
func (o *offer) ExtraData() []byte   { return o.extra }
func (o *offer) Reject(why ssh.RejectionReason, _ string) error {
	o.refused <- why
	return nil
}

var errAccepted = errors.New("accepted")

func (o *offer) Accept() (ssh.Channel, <-chan *ssh.Request, error) {
	o.refused <- 0
	return nil, nil, errAccepted
}

func offered(kind string, extra []byte) *offer {
	return &offer{kind: kind, extra: extra, refused: make(chan ssh.RejectionReason, 1)}
}

// forwarded is an offer for a listener.
func forwarded(host string, port uint32) *offer {
	return offered("forwarded-tcpip", ssh.Marshal(struct {
		Host string
		Port uint32
		From string
		At   uint32
	}{host, port, "127.0.0.1", 1}))
}

// TestUnasked: a server gets a connection for what it was asked for, on the
// connection on which it was, and for nothing else.
func TestUnasked(t *testing.T) {
	target, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	s := NewSet(zerolog.Nop())
	defer s.Close()
	o, other := &grantor{done: make(chan struct{})}, &grantor{done: make(chan struct{})}
	s.Use(o)
	to := Endpoint{Host: "127.0.0.1", Port: target.Addr().(*net.TCPAddr).Port}
	for _, at := range []Endpoint{{Port: 1}, {Host: "*", Port: 2}, {Host: "::1", Port: 3}, {Path: "/s"}, {}} {
		if errs := s.Add(t.Context(), Request{Spec: Spec{Remote, at, to}}); errs[0] != nil {
			t.Fatal(errs[0])
		}
	}
	path := func(path string) *offer {
		return offered("forwarded-streamlocal@openssh.com", ssh.Marshal(struct{ Path, Reserved string }{path, ""}))
	}
	for _, c := range []struct {
		name  string
		on    Opener
		offer *offer
		want  ssh.RejectionReason // 0: accepted
	}{
		{"asked", o, forwarded("localhost", 1), 0},
		{"asked, all addresses", o, forwarded("", 2), 0},
		{"asked, one address", o, forwarded("::1", 3), 0},
		{"asked, any port", o, forwarded("localhost", 2222), 0},
		{"asked, a path", o, path("/s"), 0},
		{"another connection", other, forwarded("localhost", 1), ssh.Prohibited},
		{"another address", o, forwarded("127.0.0.1", 1), ssh.Prohibited},
		{"another port", o, forwarded("localhost", 4), ssh.Prohibited},
		{"no port", o, forwarded("localhost", 0), ssh.Prohibited},
		{"too high a port", o, forwarded("localhost", 1<<16+1), ssh.Prohibited},
		{"another path", o, path("/t"), ssh.Prohibited},
		{"no path", o, path(""), ssh.Prohibited},
		{"broken", o, offered("forwarded-tcpip", []byte{0, 0, 0, 9, 'l'}), ssh.UnknownChannelType},
		{"more behind it", o, offered("forwarded-tcpip", append(forwarded("localhost", 1).extra, 0)), ssh.UnknownChannelType},
		{"another type", o, offered("x11", nil), ssh.UnknownChannelType},
	} {
		s.Offered(c.on, c.offer)
		if got := <-c.offer.refused; got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestFlood: what comes at once is bounded.
func TestFlood(t *testing.T) {
	s := NewSet(zerolog.Nop())
	defer s.Close()
	o := &grantor{done: make(chan struct{})}
	s.asking.Lock() // nobody is served yet
	var offers []*offer
	for range 2 * maxStreams {
		c := forwarded("localhost", 1)
		s.Offered(o, c)
		offers = append(offers, c)
	}
	for i, c := range offers {
		select {
		case why := <-c.refused:
			if i < maxStreams || why != ssh.ResourceShortage {
				t.Errorf("%d: %v", i, why)
			}
		default:
			if i >= maxStreams {
				t.Errorf("%d waits", i)
			}
		}
	}
	s.asking.Unlock()
}

// TestLogIsBounded: neither a server nor a client fills the log.
func TestLogIsBounded(t *testing.T) {
	long := strings.Repeat("\x01", 100<<10)
	var log bytes.Buffer
	s := NewSet(zerolog.New(zerolog.SyncWriter(&log)))
	defer s.Close()
	o := &wordy{grantor: grantor{done: make(chan struct{})}, words: long}
	s.Use(o)
	path := filepath.Join(t.TempDir(), "s")
	spec := Spec{Local, Endpoint{Path: path}, Endpoint{Host: "h", Port: 1}}
	if errs := s.Add(t.Context(), Request{Spec: spec}); errs[0] != nil {
		t.Fatal(errs[0])
	}
	for range 20 {
		asked := forwarded(long, 1)
		s.Offered(o, asked)
		<-asked.refused
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("%d bytes came", n)
		}
		_ = conn.Close()
	}
	s.Close()
	if lines := bytes.Count(log.Bytes(), []byte("\n")); lines > 30 || log.Len() > 20<<10 {
		t.Errorf("%d lines, %d bytes", lines, log.Len())
	}
}

// wordy is a server that refuses channels with these words.
type wordy struct {
	grantor
	words string
}

func (w *wordy) OpenChannel(string, []byte) (ssh.Channel, <-chan *ssh.Request, error) {
	return nil, nil, &ssh.OpenChannelError{Reason: ssh.Prohibited, Message: w.words}
}

// TestSilentServer: who cancels a tunnel waits for no answer of a server that
// gives none, and what it grants too late is given back.
func TestSilentServer(t *testing.T) {
	s := NewSet(zerolog.Nop())
	defer s.Close()
	o := &silent{grantor: grantor{done: make(chan struct{})}, asked: make(chan string, 4), answer: make(chan struct{})}
	s.Use(o)
	spec := Spec{Remote, Endpoint{Port: 1}, Endpoint{Host: "h", Port: 1}}
	var adding sync.WaitGroup
	adding.Go(func() {
		if errs := s.Add(t.Context(), Request{Spec: spec}); !errors.Is(errs[0], ErrNone) {
			t.Errorf("%v", errs)
		}
	})
	if got := <-o.asked; got != "tcpip-forward" {
		t.Error(got)
	}
	if err := s.Cancel(spec); err != nil { // the server answers below only
		t.Error(err)
	}
	adding.Wait()
	close(o.answer)
	if got := <-o.asked; got != "cancel-tcpip-forward" {
		t.Error(got)
	}
}

// silent is a server that answers late.
type silent struct {
	grantor
	asked  chan string
	answer chan struct{}
}

func (s *silent) SendRequest(name string, want bool, extra []byte) (bool, []byte, error) {
	s.asked <- name
	<-s.answer
	return s.grantor.SendRequest(name, want, extra)
}
