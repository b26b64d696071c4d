//go:build linux

package transport

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/native"
)

// authServer is a server whose authentication is as configured, for what no
// sshd does by itself. Its host key is not looked at.
func authServer(t *testing.T, configure func(*ssh.ServerConfig)) func(lines ...string) *sshconfig.Config {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	addr := server(t, func(conn net.Conn) {
		config := &ssh.ServerConfig{MaxAuthTries: 100}
		config.AddHostKey(signer)
		configure(config)
		if served, channels, requests, err := ssh.NewServerConn(conn, config); err == nil {
			go ssh.DiscardRequests(requests)
			go func() {
				for offered := range channels {
					_ = offered.Reject(ssh.Prohibited, "")
				}
			}()
			_ = served.Wait()
		}
	})
	return func(lines ...string) *sshconfig.Config {
		return configTo(t, addr, append(lines, "StrictHostKeyChecking accept-new")...)
	}
}

// round is the answers to one round of questions.
type round func(p sshconn.Prompt) []string

// dialAnswering answers what is asked, and returns that.
func dialAnswering(t *testing.T, cfg *sshconfig.Config, answer round) (asked []sshconn.Prompt, told []sshconn.Notice, err error) {
	t.Helper()
	opts := options(cfg)
	var typed [][]byte
	opts.Prompt = func(_ context.Context, p sshconn.Prompt) ([][]byte, error) {
		asked = append(asked, p)
		var answers [][]byte
		for _, text := range answer(p) {
			answers = append(answers, []byte(text))
		}
		typed = append(typed, answers...)
		return answers, nil
	}
	opts.Tell = func(n sshconn.Notice) { told = append(told, n) }
	conn, err := native.Dial(t.Context(), cfg, opts)
	if err == nil {
		conn.Close()
	}
	for _, secret := range typed {
		if strings.Trim(string(secret), "\x00") != "" {
			t.Errorf("%q was not overwritten", secret)
		}
	}
	return asked, told, err
}

// TestRounds: several questions at once, several rounds, with and without
// echo, and one without a question.
func TestRounds(t *testing.T) {
	var got [][]string
	to := authServer(t, func(c *ssh.ServerConfig) {
		c.BannerCallback = func(ssh.ConnMetadata) string { return "Hello\n\x1b[31mred" }
		c.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, client ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			for _, r := range []struct {
				name, instruction string
				questions         []string
				echos             []bool
			}{
				{"Login", "Two factors", []string{"Password: ", "Code: "}, []bool{false, true}},
				{"", "Look at your phone", nil, nil},
				{"", "", nil, nil},
				{"", "", []string{"\x1b]0;title\x07" + strings.Repeat("x", 2*sshconn.MaxText)}, []bool{false}},
			} {
				answers, err := client(r.name, r.instruction, r.questions, r.echos)
				if err != nil {
					return nil, err
				}
				got = append(got, answers)
			}
			return nil, nil
		}
	})
	asked, told, err := dialAnswering(t, to("User me"), func(p sshconn.Prompt) []string {
		return []string{"one", "two"}[:len(p.Fields)]
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 || !slices.Equal(got[0], []string{"one", "two"}) || !slices.Equal(got[3], []string{"one"}) {
		t.Errorf("the server got %q", got)
	}
	if len(asked) != 3 { // nobody is asked nothing
		t.Fatalf("asked %+v", asked)
	}
	first := sshconn.Prompt{
		Kind: sshconn.PromptRound, User: "me", Host: "127.0.0.1", Name: "Login", Instruction: "Two factors",
		Fields: []sshconn.PromptField{{Text: "Password: "}, {Text: "Code: ", Echo: true}},
	}
	if asked[0].Name != first.Name || asked[0].User != first.User || asked[0].Host != first.Host || !slices.Equal(asked[0].Fields, first.Fields) {
		t.Errorf("asked %+v", asked[0])
	}
	if asked[1].Instruction != "Look at your phone" || len(asked[2].Fields[0].Text) > sshconn.MaxText {
		t.Errorf("asked %+v", asked[1:])
	}
	if len(told) != 1 || told[0].Kind != sshconn.NoticeBanner || !strings.HasPrefix(told[0].Text, "Hello\n") {
		t.Errorf("told %+v", told)
	}
	for _, quiet := range []string{"QUIET", "FATAL", "ERROR"} {
		_, told, err = dialAnswering(t, to("User me", "LogLevel "+quiet), func(p sshconn.Prompt) []string { return make([]string, len(p.Fields)) })
		if err != nil || len(told) != 0 {
			t.Errorf("%s: told %+v, %v", quiet, told, err)
		}
	}
}

// TestServerAsksWithoutEnd: a server is not listened to for ever.
func TestServerAsksWithoutEnd(t *testing.T) {
	for name, ask := range map[string]func(ssh.KeyboardInteractiveChallenge) error{
		"rounds": func(client ssh.KeyboardInteractiveChallenge) error {
			for {
				if _, err := client("", "", []string{"more? "}, []bool{true}); err != nil {
					return err
				}
			}
		},
		"rounds without a question": func(client ssh.KeyboardInteractiveChallenge) error {
			for {
				if _, err := client("", "", nil, nil); err != nil {
					return err
				}
			}
		},
		"questions": func(client ssh.KeyboardInteractiveChallenge) error {
			_, err := client("", "", make([]string, 1000), make([]bool, 1000))
			return err
		},
		"long questions": func(client ssh.KeyboardInteractiveChallenge) error {
			_, err := client("", "", slices.Repeat([]string{strings.Repeat("x", 4000)}, 32), make([]bool, 32))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			to := authServer(t, func(c *ssh.ServerConfig) {
				c.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, client ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
					return nil, ask(client)
				}
			})
			asked, _, err := dialAnswering(t, to(), func(p sshconn.Prompt) []string { return make([]string, len(p.Fields)) })
			if denied := (*sshconn.AuthError)(nil); !errors.As(err, &denied) || len(asked) > 64 {
				t.Errorf("asked %d times, then %v", len(asked), err)
			}
			for _, p := range asked {
				size := 0
				for _, field := range p.Fields {
					size += len(field.Text)
				}
				if size > 8<<10 || len(p.Fields) > 32 {
					t.Errorf("%d bytes in %d questions were asked at once", size, len(p.Fields))
				}
			}
		})
	}
}

// TestLongBanner: one that a person may be meant to read is shown whole, and an
// endless one in part.
func TestLongBanner(t *testing.T) {
	for length, want := range map[int]int{6 << 10: 6 << 10, 100 << 10: sshconn.MaxBanner} {
		cfg := authServer(t, func(c *ssh.ServerConfig) {
			c.NoClientAuth = true
			c.BannerCallback = func(ssh.ConnMetadata) string { return strings.Repeat("x", length) }
		})()
		_, told, err := dialAnswering(t, cfg, nil)
		if err != nil || len(told) != 1 {
			t.Fatalf("told %d notices, %v", len(told), err)
		}
		if n := len(told[0].Text); n > want || n < want-4 {
			t.Errorf("%d bytes of %d are shown, want %d", n, length, want)
		}
	}
}

// TestPasswordExpired: a server that wants a new password is not answered, and
// the person not asked again for the old one.
func TestPasswordExpired(t *testing.T) {
	to := authServer(t, func(c *ssh.ServerConfig) {
		var raw ssh.KeyboardInteractiveChallenge
		c.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, client ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			raw = client
			return nil, errors.New("no")
		}
		c.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
			// Its message has the number of SSH_MSG_USERAUTH_PASSWD_CHANGEREQ.
			_, err := raw("Your password has expired", "", nil, nil)
			return nil, err
		}
	})
	asked, _, err := dialAnswering(t, to(), func(sshconn.Prompt) []string { return []string{"old"} })
	denied := &sshconn.AuthError{}
	if !errors.As(err, &denied) || !denied.Expired || !denied.Typed || len(asked) != 1 {
		t.Errorf("asked %d times, then %v: %+v", len(asked), err, denied)
	}
	labtest.AsJSON(t, err)
}

// TestHangsUpWhileAsking: the question is void when the server ends the
// connection.
func TestHangsUpWhileAsking(t *testing.T) {
	asking := make(chan struct{})
	to := authServer(t, func(c *ssh.ServerConfig) {
		c.KeyboardInteractiveCallback = func(ssh.ConnMetadata, ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			return nil, errors.New("no")
		}
		c.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, errors.New("no") }
		c.AuthLogCallback = func(_ ssh.ConnMetadata, method string, _ error) {
			if method == "keyboard-interactive" {
				<-asking
			}
		}
	})
	cfg := to("PreferredAuthentications password")
	opts := options(cfg)
	ended := false
	relay := hangingUp(t, cfg, asking)
	cfg.Port = relay
	opts.Prompt = func(ctx context.Context, _ sshconn.Prompt) ([][]byte, error) {
		close(asking)
		<-ctx.Done()
		ended = true
		return nil, ctx.Err()
	}
	_, err := native.Dial(t.Context(), cfg, opts)
	if closed := (*sshconn.ClosedError)(nil); !errors.As(err, &closed) || closed.Phase != sshconn.PhaseAuth || !ended {
		t.Errorf("got %v", err)
	}
}

// hangingUp relays to the server of cfg and hangs up when told so. It returns
// its port.
func hangingUp(t *testing.T, cfg *sshconfig.Config, now <-chan struct{}) int {
	t.Helper()
	to := net.JoinHostPort(cfg.HostName, strconv.Itoa(cfg.Port))
	addr := server(t, func(client net.Conn) {
		upstream, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer upstream.Close()
		go func() { _, _ = io.Copy(upstream, client) }()
		go func() { _, _ = io.Copy(client, upstream) }()
		<-now
	})
	return addr.(*net.TCPAddr).Port
}

// TestNobodyToAsk: without a person Dial tries only what needs none, and the error
// tells that one could have helped.
func TestNobodyToAsk(t *testing.T) {
	tried := 0
	to := authServer(t, func(c *ssh.ServerConfig) {
		c.PasswordCallback = func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
			tried++
			return nil, errors.New("no")
		}
		c.KeyboardInteractiveCallback = func(ssh.ConnMetadata, ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			tried++
			return nil, errors.New("no")
		}
	})
	for name, answer := range map[string]func(context.Context, sshconn.Prompt) ([][]byte, error){
		"nobody there":     nil,
		"no answer":        func(context.Context, sshconn.Prompt) ([][]byte, error) { return nil, sshconn.ErrNoAnswer },
		"too many answers": func(context.Context, sshconn.Prompt) ([][]byte, error) { return make([][]byte, 7), nil },
	} {
		cfg := to()
		opts := options(cfg)
		opts.Prompt = answer
		_, err := native.Dial(t.Context(), cfg, opts)
		denied := &sshconn.AuthError{}
		if !errors.As(err, &denied) || denied.Typed || !denied.Interactive {
			t.Errorf("%s: %v: %+v", name, err, denied)
		}
	}
	if tried > 2 { // keyboard-interactive begins before there is anything to answer
		t.Errorf("tried %d times", tried)
	}
	gone := errors.New("gone")
	cfg := to()
	opts := options(cfg)
	opts.Prompt = func(context.Context, sshconn.Prompt) ([][]byte, error) { return nil, gone }
	if _, err := native.Dial(t.Context(), cfg, opts); !errors.Is(err, gone) {
		t.Errorf("an error of the person's: %v", err)
	}
}

// TestAgentKeyWaits: the person hears that a FIDO key in the agent waits for a
// touch before it signs, and that somebody touched it. Of another key's signature
// they hear only when it takes long (TestAgentTakesLong).
func TestAgentKeyWaits(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	token := s.newTokenKey("token", "ed25519-sk")
	s.authorize(token)
	agent := s.agent()
	s.sshAdd(agent, "-S", dummyProvider, token)
	cfg := s.config("IdentityAgent " + agent)
	var told []sshconn.Notice
	opts := options(cfg)
	opts.Tell = func(n sshconn.Notice) { told = append(told, n) }
	conn, err := native.Dial(t.Context(), cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if len(told) != 2 || told[0].Kind != sshconn.NoticeTouch || !strings.HasPrefix(told[0].Key, "ED25519-SK SHA256:") || told[1].Kind != sshconn.NoticeSigned {
		t.Errorf("told %+v", told)
	}
}

// TestAgentTakesLong: the person hears that the agent may wait for them to confirm.
func TestAgentTakesLong(t *testing.T) {
	s := newSite(t, lab.SshdConfig{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg := s.config("IdentityAgent " + s.waitingAgent(func() {}))
	opts := options(cfg)
	var told []sshconn.Notice
	opts.Tell = func(n sshconn.Notice) { told = append(told, n); cancel() }
	if err := cancelled(ctx, cfg, opts); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if len(told) != 1 || told[0].Kind != sshconn.NoticeWait || !strings.HasPrefix(told[0].Key, "ED25519 SHA256:") {
		t.Errorf("told %+v", told)
	}
}

// TestAgentListsLate: Dial waits for the agent until a person has unlocked it, and
// tells them that it waits.
func TestAgentListsLate(t *testing.T) {
	const listRequest = 11 // SSH_AGENTC_REQUEST_IDENTITIES
	s := newSite(t, lab.SshdConfig{})
	unlocked := make(chan struct{})
	cfg := s.config("IdentityAgent " + s.agentThatWaits("locked", s.agent(s.key), listRequest, func() { <-unlocked }))
	opts := options(cfg)
	opts.Prompt = func(context.Context, sshconn.Prompt) ([][]byte, error) { return nil, sshconn.ErrNoAnswer }
	var told []sshconn.Notice
	opts.Tell = func(n sshconn.Notice) { told = append(told, n); close(unlocked) }
	conn, err := native.Dial(t.Context(), cfg, opts)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if len(told) != 1 || told[0] != (sshconn.Notice{Kind: sshconn.NoticeWait}) {
		t.Errorf("told %+v", told)
	}
}
