package tunnel

import (
	"errors"
	"io"
	"net"
	"testing"

	"github.com/rs/zerolog"
)

// asked is a server that notes what it is asked for, and listens.
type asked struct {
	grantor
	names chan string
}

func (a *asked) SendRequest(name string, want bool, extra []byte) (bool, []byte, error) {
	a.names <- name
	return a.grantor.SendRequest(name, want, extra)
}

// teller is a target that tells its name for each connection.
func teller(t *testing.T, name string, to chan<- string) Endpoint {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			to <- name
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	return Endpoint{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port}
}

// TestSameListener: of two tunnels with one listener on the server the first
// keeps it with all its connections until it is cancelled, and the server is not
// asked for it a second time.
func TestSameListener(t *testing.T) {
	served := make(chan string, 10)
	a, b := teller(t, "first", served), teller(t, "second", served)
	for _, c := range []struct {
		name          string
		first, second Endpoint
		port          uint32
	}{
		{"a port", Endpoint{Port: 8080}, Endpoint{Port: 8080}, 8080},
		{"by another name", Endpoint{Port: 8080}, Endpoint{Host: "localhost", Port: 8080}, 8080},
		{"that the server chose", Endpoint{}, Endpoint{Port: 2222}, 2222},
		{"that the server should not choose", Endpoint{Port: 2222}, Endpoint{}, 2222},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := NewSet(zerolog.Nop())
			defer s.Close()
			o := &asked{grantor: grantor{done: make(chan struct{})}, names: make(chan string, 100)}
			s.Use(o)
			first, second := Spec{Remote, c.first, a}, Spec{Remote, c.second, b}
			if errs := s.Add(t.Context(), Request{Spec: first}); errs[0] != nil {
				t.Fatal(errs[0])
			}
			asks := len(o.names)
			used := (*SharedError)(nil)
			if errs := s.Add(t.Context(), Request{Spec: second}); !errors.As(errs[0], &used) || used.By != first {
				t.Errorf("the second: %v", errs[0])
			}
			if c.second.Port != 0 && len(o.names) != asks {
				t.Error("the server was asked again")
			}
			serves := func(want string) {
				t.Helper()
				x := forwarded("localhost", c.port)
				s.Offered(o, x)
				if why := <-x.refused; why != 0 {
					t.Fatalf("refused: %v", why)
				}
				if got := <-served; got != want {
					t.Errorf("served by the %s", got)
				}
			}
			serves("first")
			if err := s.Cancel(second); err != nil {
				t.Error(err)
			}
			serves("first")
			if err := s.Cancel(first); err != nil {
				t.Error(err)
			}
			if errs := s.Add(t.Context(), Request{Spec: second}); errs[0] != nil {
				t.Fatal(errs[0])
			}
			serves("second")
		})
	}
}
