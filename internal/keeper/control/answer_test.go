package control

import (
	"bytes"
	"context"
	"testing"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestLateAnswer sends the answer to a void question before that to the next.
func TestLateAnswer(t *testing.T) {
	l := listenForTest(t)
	conn := l.dial()
	_, _ = conn.Write([]byte(`{"mosha":4,"op":"attach","attach":{}}` + "\n"))
	l.counted(1)
	w := newWire(conn)
	ask := func(void <-chan struct{}) <-chan [][]byte {
		answered := make(chan [][]byte, 1)
		l.asks <- func(ctx context.Context, c *Conversation) {
			secrets, err := c.Ask(ctx, Inquiry{Prompt: &sshconn.Prompt{Kind: sshconn.PromptPassword}}, void)
			if err != nil {
				t.Error(err)
			}
			answered <- secrets
		}
		return answered
	}
	void := make(chan struct{})
	first := ask(void)
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
	close(void)
	if secrets := <-first; secrets != nil {
		t.Errorf("a void question: %q", secrets)
	}
	second := ask(nil)
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
	var c Call
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
