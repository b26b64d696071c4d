package transport

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

// promptPatience is how long our own program may take to say what ssh asks.
const promptPatience = 5 * time.Second

// questions puts to a person what the ssh of a master asks while it connects.
// All clocks stand still meanwhile. Once it has connected nobody answers any
// more, and ssh goes on without.
type questions struct {
	d        *dialer
	hop      bool // they are a proxy's, on the way to the server
	verbatim bool // they may be anybody's, and are put in the words that they come in
	work     sync.WaitGroup

	one   sync.Mutex // one question at a time
	asked []string   // passwords and passphrases that were asked for

	mu     sync.Mutex
	failed error // what Ask or Prompt returned
	no     bool  // a host key was declined
	typed  bool  // an answer was given that is no yes or no
}

// serve answers one question after the other until ctx ends.
func (q *questions) serve(ctx context.Context, listener *net.UnixListener) {
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

// answer serves one run of our program as askpass. It ends when that does,
// which ssh may see to: a key was touched, or the connection was lost.
func (q *questions) answer(ctx context.Context, conn net.Conn) {
	_ = conn.SetReadDeadline(time.Now().Add(promptPatience))
	in := json.NewDecoder(io.LimitReader(conn, maxPrompt))
	var asked masterPrompt
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
	q.d.watch.stop()
	limit := authTimeout
	if q.hop {
		limit = q.d.limit
	}
	defer q.d.watch.start(limit, limit)
	began := time.Now()
	answer, err := q.put(ctx, asked)
	q.d.waited.Add(int64(time.Since(began)))
	defer clear(answer)
	switch {
	case err == nil:
		_, _ = conn.Write([]byte{answered})
		_, _ = conn.Write(answer)
	case ctx.Err() == nil && !errors.Is(err, sshconn.ErrNoAnswer):
		q.mu.Lock()
		q.failed = err
		q.mu.Unlock()
		go q.d.abort()
	}
}

// put puts one question to whom it concerns. The answer is to be overwritten
// after its use. The error is ErrNoAnswer, which stands for a no as well, or one
// that ends the attempt.
func (q *questions) put(ctx context.Context, asked masterPrompt) ([]byte, error) {
	q.one.Lock()
	defer q.one.Unlock()
	if !q.hop {
		q.d.process.stderr.tellUntilNow()
	}
	if asked.Hint == hintNone {
		q.show(ctx, asked.Text)
		return nil, sshconn.ErrNoAnswer
	}
	if q.aboutHostKey(asked.Text) {
		return q.confirmHostKey(asked.Text)
	}
	closed := asked.Hint == hintConfirm || strings.Contains(asked.Text, "(yes/no")
	switch {
	case q.d.opts.Prompt == nil && q.verbatim && !closed: // it would go on with an empty answer
		return nil, &sshconn.AuthError{User: q.d.cfg.User, Host: q.d.cfg.HostName, Interactive: true}
	case q.d.opts.Prompt == nil:
		return nil, sshconn.ErrNoAnswer
	}
	answers, err := q.d.opts.Prompt(ctx, q.prompt(sshconn.Bounded(asked.Text), closed))
	if err != nil || len(answers) != 1 || asked.Hint == hintConfirm && !isYes(answers[0]) {
		sshconn.Wipe(answers)
		return nil, cmp.Or(err, sshconn.ErrNoAnswer)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.typed = q.typed || !closed
	return answers[0], nil
}

// prompt is ssh's question as the native transport would put it, or in ssh's
// own words. closed says that yes and no are the only answers.
func (q *questions) prompt(text string, closed bool) sshconn.Prompt {
	p := sshconn.Prompt{Kind: sshconn.PromptWords, User: q.d.cfg.User, Host: q.d.cfg.HostKeyName()}
	key := asksPassphrase.FindStringSubmatch(text)
	switch {
	case q.hop || q.verbatim || closed:
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

// show shows what ssh says until it ends our program: that a key waits for a
// touch.
func (q *questions) show(ctx context.Context, text string) {
	if q.d.opts.Tell == nil {
		return
	}
	key, _ := strings.CutPrefix(sshconn.Bounded(text), "Confirm user presence for key ")
	q.d.opts.Tell(sshconn.Notice{Kind: sshconn.NoticeTouch, Key: key})
	<-ctx.Done()
	q.d.opts.Tell(sshconn.Notice{Kind: sshconn.NoticeSigned, Key: key})
}

// confirmHostKey answers whether the host has the key that it showed.
func (q *questions) confirmHostKey(question string) ([]byte, error) {
	yes, err := q.d.keys.answerSSH(question)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.no = !yes
	return []byte(yesNo(yes)), nil
}

func isYes(answer []byte) bool { return bytes.EqualFold(bytes.TrimSpace(answer), []byte("yes")) }

// aboutHostKey says whether the text asks about the key that the server showed.
func (q *questions) aboutHostKey(text string) bool {
	key, _ := q.d.keys.outcome()
	return !q.hop && key != nil && strings.Contains(text, fingerprintFor(q.d.cfg, key))
}

// failure returns the error of Ask that ended the attempt, nil if none did.
func (q *questions) failure() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.failed
}

// wasTyped says whether something was typed for the login.
func (q *questions) wasTyped() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.typed
}

// saidNo says whether a person declined the host key.
func (q *questions) saidNo() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.no
}
