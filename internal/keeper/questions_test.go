package keeper

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// somebody answers with what is in said, and remembers what was asked and told.
type somebody struct {
	mu    sync.Mutex
	said  [][]byte
	err   error
	asked []control.Inquiry
	told  []sshconn.Notice
	block bool   // until the question is void
	hears func() // called with each question; may be nil
}

func (s *somebody) Answer(ctx context.Context, q control.Inquiry) ([][]byte, error) {
	s.mu.Lock()
	s.asked = append(s.asked, q)
	s.mu.Unlock()
	if s.hears != nil {
		s.hears()
	}
	if s.block {
		<-ctx.Done()
	}
	return s.said, s.err
}

func (s *somebody) Tell(n sshconn.Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, n)
}

// attachOne has a person attached to a keeper whose connection is never up, and
// returns what ends the attempt.
func attachOne(t *testing.T, who *somebody) (k *Keeper, fail func(error) error) {
	t.Helper()
	l := listenForTest(t)
	client, err := control.Connect(t.Context(), l.dirs, l.id)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		defer client.Close()
		_, err := client.Attach(control.Attach{}, who)
		ended <- err
	}()
	l.counted(1)
	return l.k, func(err error) error {
		l.k.update(func() { l.k.tries.failures++; l.k.tries.failed = err })
		return <-ended
	}
}

func TestPrompt(t *testing.T) {
	typed := []byte("correct horse")
	who := &somebody{said: [][]byte{typed, []byte(""), []byte(strings.Repeat("x", 1023))}}
	k, fail := attachOne(t, who)
	p := sshconn.Prompt{Kind: sshconn.PromptRound, User: "me", Fields: make([]sshconn.PromptField, 3)}
	k.questions.tell(t.Context(), sshconn.Notice{Kind: sshconn.NoticeBanner, Text: "hello\x1b"})
	secrets, err := k.questions.prompt(t.Context(), p)
	if err != nil || len(secrets) != 3 || string(secrets[0]) != "correct horse" || len(secrets[1]) != 0 || len(secrets[2]) != 1023 {
		t.Fatalf("got %q, %v", secrets, err)
	}
	if err := fail(&sshconn.ClosedError{Host: "devbox"}); !errors.As(err, new(*sshconn.ClosedError)) {
		t.Errorf("the attach ended with %v", err)
	}
	if !bytes.Equal(typed, make([]byte, len(typed))) {
		t.Errorf("the launcher still has %q", typed)
	}
	if len(who.asked) != 1 || who.asked[0].Prompt.User != "me" || len(who.told) != 1 || who.told[0].Text != "hello\x1b" {
		t.Errorf("asked %+v, told %+v", who.asked, who.told)
	}
}

// TestPromptUnanswered: one who cannot answer, or gives too few answers, has
// given none.
func TestPromptUnanswered(t *testing.T) {
	for name, who := range map[string]*somebody{
		"no terminal":     {err: errors.New("no terminal")},
		"too few answers": {said: [][]byte{[]byte("one")}},
		"too long":        {said: [][]byte{[]byte("one"), make([]byte, 1023+1)}},
	} {
		t.Run(name, func(t *testing.T) {
			k, _ := attachOne(t, who)
			p := sshconn.Prompt{Kind: sshconn.PromptRound, Fields: make([]sshconn.PromptField, 2)}
			if secrets, err := k.questions.prompt(t.Context(), p); err == nil || secrets != nil {
				t.Errorf("got %q, %v", secrets, err)
			}
		})
	}
}

// TestPromptVoid: when the attempt is over while a person is asked, they are
// not waited for, and their answer is not taken for that of another question.
func TestPromptVoid(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	who := &somebody{block: true, said: [][]byte{[]byte("late")}, hears: cancel}
	k, fail := attachOne(t, who)
	if _, err := k.questions.prompt(ctx, sshconn.Prompt{Kind: sshconn.PromptPassword}); !errors.Is(err, context.Canceled) {
		t.Errorf("a void question: %v", err)
	}
	if err := fail(&sshconn.ClosedError{Host: "devbox"}); !errors.As(err, new(*sshconn.ClosedError)) {
		t.Errorf("the attach ended with %v", err)
	}
}
