package keeper

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// somebody answers with what is in said, and remembers what was asked and told.
type somebody struct {
	mu    sync.Mutex
	said  [][]byte
	err   error
	asked []Inquiry
	told  []Notice
	block bool // until the question is void
}

func (s *somebody) Answer(ctx context.Context, q Inquiry) ([][]byte, error) {
	s.mu.Lock()
	s.asked = append(s.asked, q)
	s.mu.Unlock()
	if s.block {
		<-ctx.Done()
	}
	return s.said, s.err
}

func (s *somebody) Tell(n Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = append(s.told, n)
}

// attachOne has a person attached to a keeper whose connection is never up, and
// returns what ends the attempt.
func attachOne(t *testing.T, who *somebody) (k *Keeper, fail func(error) error) {
	t.Helper()
	l := listenForTest(t)
	client, err := Connect(t.Context(), l.dirs, l.id)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		defer client.Close()
		_, err := client.Attach(Attach{}, who)
		ended <- err
	}()
	l.counted(1)
	return l.k, func(err error) error {
		l.k.update(func() { l.k.failures++; l.k.failed = err })
		return <-ended
	}
}

func TestPrompt(t *testing.T) {
	typed := []byte("correct horse")
	who := &somebody{said: [][]byte{typed, []byte(""), []byte(strings.Repeat("x", maxSecret))}}
	k, fail := attachOne(t, who)
	p := sshconn.Prompt{Kind: sshconn.PromptRound, User: "me", Fields: make([]sshconn.PromptField, 3)}
	k.tell(t.Context(), Notice{Kind: sshconn.NoticeBanner, Text: "hello\x1b"})
	secrets, err := k.prompt(t.Context(), p)
	if err != nil || len(secrets) != 3 || string(secrets[0]) != "correct horse" || len(secrets[1]) != 0 || len(secrets[2]) != maxSecret {
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
		"too long":        {said: [][]byte{[]byte("one"), make([]byte, maxSecret+1)}},
	} {
		t.Run(name, func(t *testing.T) {
			k, _ := attachOne(t, who)
			p := sshconn.Prompt{Kind: sshconn.PromptRound, Fields: make([]sshconn.PromptField, 2)}
			if secrets, err := k.prompt(t.Context(), p); err == nil || secrets != nil {
				t.Errorf("got %q, %v", secrets, err)
			}
		})
	}
}

// TestPromptVoid: when the attempt is over while a person is asked, they are
// not waited for, and their answer is not taken for that of another question.
func TestPromptVoid(t *testing.T) {
	who := &somebody{block: true, said: [][]byte{[]byte("late")}}
	k, fail := attachOne(t, who)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		k.until(ctx, 0, func() bool { return k.asked == 1 })
		cancel()
	}()
	if _, err := k.prompt(ctx, sshconn.Prompt{Kind: sshconn.PromptPassword}); !errors.Is(err, context.Canceled) {
		t.Errorf("a void question: %v", err)
	}
	if err := fail(&sshconn.ClosedError{Host: "devbox"}); !errors.As(err, new(*sshconn.ClosedError)) {
		t.Errorf("the attach ended with %v", err)
	}
}

// TestLateAnswer sends the answer to a void question before that to the next.
func TestLateAnswer(t *testing.T) {
	l := listenForTest(t)
	conn := l.dial()
	_, _ = conn.Write([]byte(`{"mosha":2,"op":"attach","attach":{}}` + "\n"))
	l.counted(1)
	w := newWire(conn)
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := l.k.prompt(ctx, sshconn.Prompt{Kind: sshconn.PromptPassword})
		first <- err
	}()
	question := func() int {
		for {
			var r reply
			if err := w.receive(&r); err != nil {
				t.Fatal(err)
			}
			if r.Ask != nil {
				return r.Number
			}
		}
	}
	late := question()
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("a void question: %v", err)
	}
	second := make(chan [][]byte, 1)
	go func() {
		secrets, _ := l.k.prompt(t.Context(), sshconn.Prompt{Kind: sshconn.PromptPassword})
		second <- secrets
	}()
	now := question()
	for _, number := range []int{late, now} {
		a := answer{Number: number, OK: true, secrets: [][]byte{{'0' + byte(number)}}}
		if err := a.send(w); err != nil {
			t.Fatal(err)
		}
	}
	if secrets := <-second; len(secrets) != 1 || secrets[0][0] != '0'+byte(now) {
		t.Errorf("got %q", secrets)
	}
}

// TestAnswerLeavesNothing: the buffer through which an answer came has nothing
// of it.
func TestAnswerLeavesNothing(t *testing.T) {
	ours, theirs := socketPair(t)
	sent := answer{Number: 1, OK: true, secrets: [][]byte{[]byte("correct horse")}}
	if err := sent.send(newWire(theirs)); err != nil {
		t.Fatal(err)
	}
	_ = theirs.CloseWrite()
	w := newWire(ours)
	empty, _ := w.in.Peek(0)
	buffer := empty[:cap(empty)]
	var c call
	if err := w.receive(&c); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(buffer, []byte("correct horse")) {
		t.Fatal("this is not the buffer")
	}
	if err := c.Answer.receive(w); err != nil || string(c.Answer.secrets[0]) != "correct horse" {
		t.Fatalf("got %q, %v", c.Answer.secrets, err)
	}
	if bytes.Contains(buffer, []byte("horse")) {
		t.Error("the answer is still there")
	}
}
