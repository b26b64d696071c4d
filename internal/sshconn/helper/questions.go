package helper

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// promptPatience is how long our own program may take to send what ssh asks.
const promptPatience = 5 * time.Second

// Questions puts to a person what a program of OpenSSH's asks while it connects:
// the ssh of a master, or one on the way to the server.
type Questions struct {
	User, Host string // as Prompt names them
	Prompt     func(context.Context, sshconn.Prompt) ([][]byte, error)
	Tell       func(sshconn.Notice)
	// Verbatim reports whether questions may be anybody's. They are then put in
	// the words in which they come.
	Verbatim bool
	// Nobody, if set, ends the attempt when Prompt is nil and a question wants
	// more than yes or no. Else the program goes on without an answer.
	Nobody error
	// Pause stops the clocks of the attempt until resume is called.
	Pause func() (resume func())
	// Fail ends the attempt.
	Fail func()
	// Before, if set, is called before a question is put.
	Before func()
	// HostKey, if set, answers a question about the server's host key. about is
	// false if the text asks something else.
	HostKey func(text string) (yes, about bool, err error)

	work sync.WaitGroup

	one   sync.Mutex // one question at a time
	asked []string   // passwords and passphrases that were asked for

	mu     sync.Mutex
	failed error // what Ask or Prompt returned
	typed  bool  // an answer was given that is no yes or no
}

// Serve answers one question after the other until the function that it returns
// is called. Then nothing is left of it.
func (q *Questions) Serve(ctx context.Context, listener *net.UnixListener) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	q.work.Go(func() { q.accept(ctx, listener) })
	return func() {
		cancel()
		q.work.Wait()
	}
}

func (q *Questions) accept(ctx context.Context, listener *net.UnixListener) {
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		q.work.Go(func() {
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			q.answer(ctx, conn)
		})
	}
}

// answer serves one run of our program as askpass, until that ends. ssh may end
// it: a key was touched, or the connection was lost.
func (q *Questions) answer(ctx context.Context, conn net.Conn) {
	_ = conn.SetReadDeadline(time.Now().Add(promptPatience))
	in := json.NewDecoder(io.LimitReader(conn, maxPrompt))
	var asked question
	if in.Decode(&asked) != nil {
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	q.work.Go(func() {
		defer cancel()
		_, _ = io.Copy(io.Discard, conn)
	})
	defer q.Pause()()
	answer, err := q.put(ctx, asked)
	defer clear(answer)
	switch {
	case err == nil:
		_, _ = conn.Write([]byte{answered})
		_, _ = conn.Write(answer)
	case ctx.Err() == nil && !errors.Is(err, sshconn.ErrNoAnswer):
		q.mu.Lock()
		q.failed = err
		q.mu.Unlock()
		go q.Fail()
	}
}

// put puts one question to whom it concerns. The caller overwrites the answer
// after use. The error is ErrNoAnswer, also for a no, or one that ends the
// attempt.
func (q *Questions) put(ctx context.Context, asked question) ([]byte, error) {
	q.one.Lock()
	defer q.one.Unlock()
	if q.Before != nil {
		q.Before()
	}
	if asked.Hint == hintNone {
		q.show(ctx, asked.Text)
		return nil, sshconn.ErrNoAnswer
	}
	if q.HostKey != nil {
		if yes, about, err := q.HostKey(asked.Text); about {
			return yesOrNo(yes, err)
		}
	}
	closed := asked.Hint == hintConfirm || strings.Contains(asked.Text, "(yes/no")
	switch {
	case q.Prompt == nil && q.Nobody != nil && !closed:
		return nil, q.Nobody
	case q.Prompt == nil:
		return nil, sshconn.ErrNoAnswer
	}
	answers, err := q.Prompt(ctx, q.prompt(sshconn.Bounded(asked.Text), closed))
	if err != nil || len(answers) != 1 || asked.Hint == hintConfirm && !isYes(answers[0]) {
		sshconn.Wipe(answers)
		return nil, cmp.Or(err, sshconn.ErrNoAnswer)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.typed = q.typed || !closed
	return answers[0], nil
}

// prompt words ssh's question as the native transport would, or leaves it in
// ssh's words. closed reports whether yes and no are the only answers.
func (q *Questions) prompt(text string, closed bool) sshconn.Prompt {
	p := sshconn.Prompt{Kind: sshconn.PromptWords, User: q.User, Host: q.Host}
	key := asksPassphrase.FindStringSubmatch(text)
	switch {
	case q.Verbatim || closed:
	case key != nil:
		p.Kind, p.File = sshconn.PromptPassphrase, key[1]
	case asksPassword.MatchString(text):
		p.Kind = sshconn.PromptPassword
	}
	if p.Kind == sshconn.PromptWords {
		p.Fields = []sshconn.PromptField{{Text: text, Echo: closed}}
		return p
	}
	p.Again = slices.Contains(q.asked, text) // what ssh says between is on its standard error
	q.asked = append(q.asked, text)
	return p
}

// What ssh asks (sshconnect2.c: load_identity_file, userauth_passwd).
var (
	asksPassphrase = regexp.MustCompile(`^Enter passphrase for key '(.*)': $`)
	asksPassword   = regexp.MustCompile(`^\S+@\S+'s password: $`)
)

// show shows what ssh says, that a key waits for a touch, until ssh ends our
// program.
func (q *Questions) show(ctx context.Context, text string) {
	if q.Tell == nil {
		return
	}
	key, _ := strings.CutPrefix(sshconn.Bounded(text), "Confirm user presence for key ")
	q.Tell(sshconn.Notice{Kind: sshconn.NoticeTouch, Key: key})
	<-ctx.Done()
	q.Tell(sshconn.Notice{Kind: sshconn.NoticeSigned, Key: key})
}

func yesOrNo(yes bool, err error) ([]byte, error) {
	switch {
	case err != nil:
		return nil, err
	case yes:
		return []byte("yes"), nil
	}
	return []byte("no"), nil
}

func isYes(answer []byte) bool { return bytes.EqualFold(bytes.TrimSpace(answer), []byte("yes")) }

// Failure returns the error of a person's that ended the attempt, nil if none
// did.
func (q *Questions) Failure() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.failed
}

// Typed reports whether something was typed for the login.
func (q *Questions) Typed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.typed
}
