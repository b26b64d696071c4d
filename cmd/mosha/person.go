package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/text"
)

// person answers a keeper's questions for this launch, with ssh's own words:
// on the terminal, or through SSH_ASKPASS by ssh's rules (askpass.go).
type person struct {
	tty  *terminal
	name string // what each question and notice begins with, where there are several hosts
	stop *interruption
}

// personFor answers for one of the hosts that a command was given.
func personFor(host string, several bool, stop *interruption) *person {
	p := &person{tty: &console, stop: stop}
	if several {
		p.name = text.Escape(host) + ": "
	}
	return p
}

// asked is one question in words.
type asked struct {
	before string // what is shown first, whole lines
	text   string // what stands before the answer
	echo   bool   // what is typed may be seen
	hint   string // for SSH_ASKPASS_PROMPT
	leave  bool   // a signal ends the question, not the program
	tell   func() // shows the question in another way, once the terminal is ready for the answer
}

// Answer puts the questions one after the other. The first one that is not
// answered ends it.
func (p *person) Answer(ctx context.Context, q control.Inquiry) ([][]byte, error) {
	if q.Prompt != nil && len(q.Prompt.Fields) == 0 { // something to read only
		p.show(lines(q.Prompt.Name) + lines(q.Prompt.Instruction))
	}
	var answers [][]byte
	for _, one := range inquiryWords(q) {
		answer, err := p.ask(ctx, one)
		if err != nil {
			for _, typed := range answers {
				clear(typed)
			}
			return nil, err
		}
		answers = append(answers, answer)
	}
	return answers, nil
}

func (p *person) ask(ctx context.Context, q asked) ([]byte, error) {
	program, ask := askpass(os.Getenv, p.tty.open)
	if ask && program == "" {
		return nil, errNoTTY
	}
	q.before, q.text, q.leave = p.named(q.before), p.name+q.text, p.stop != nil
	if ask {
		fmt.Fprint(os.Stderr, q.before)
		return runAskpass(ctx, program, q)
	}
	answer, err := p.tty.ask(ctx, q)
	var came *signalError
	if errors.As(err, &came) {
		p.stop.by(came.Signal)
	}
	return answer, err
}

// named begins each line with the host's name.
func (p *person) named(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(p.name + line)
	}
	return b.String()
}

// show shows what is not mosha's own.
func (p *person) show(text string) { fmt.Fprint(os.Stderr, p.named(text)) }

func (p *person) say(format string, args ...any) { say("%s", p.name+fmt.Sprintf(format, args...)) }

// Tell shows a notice.
func (p *person) Tell(n sshconn.Notice) {
	switch n.Kind {
	case sshconn.NoticeBanner, sshconn.NoticeProgram:
		p.show(lines(n.Text))
	case sshconn.NoticeHostKey:
		p.show("Host key fingerprint is " + text.Escape(n.Key) + "\n" + lines(n.Text))
	case sshconn.NoticeTouch:
		p.say("Confirm user presence for key %s", n.Key)
	case sshconn.NoticeWait:
		p.say("%s", waitWords(n.Key))
	case sshconn.NoticeSigned:
		p.say("User presence confirmed")
	case sshconn.NoticeSkipped:
		p.say("%s", skippedWords(n.File, n.Reason, n.Text))
	case sshconn.NoticeStage:
		report("%s", p.name+stageWords(n.Stage))
	}
}

// stageWords says what is waited for.
func stageWords(s *sshconn.Stage) string {
	host := fmt.Sprintf("%s port %d", s.Host, s.Port)
	switch {
	case s.Phase == sshconn.PhaseKex:
		return "waiting for the host key of " + host
	case s.Phase == sshconn.PhaseAuth:
		return fmt.Sprintf("logging in to %s as %s", s.Host, s.User)
	case s.Phase == sshconn.PhaseSession:
		return s.Host + " has let you in: waiting for it to open a session"
	case s.Proxied:
		return "waiting for the proxy to reach " + host
	case s.Phase == sshconn.PhaseBanner:
		return "waiting for the SSH server at " + host + " to answer"
	case s.Address == "":
		return "looking up " + s.Host
	}
	if addr, err := netip.ParseAddrPort(s.Address); err == nil {
		return fmt.Sprintf("connecting to %s port %d", addr.Addr(), addr.Port())
	}
	return "connecting to " + host
}

// waitWords says what the agent may be waiting for.
func waitWords(key string) string {
	if key == "" {
		return "the agent has not listed its keys yet: it may wait for you to unlock it"
	}
	return "the agent has not signed yet: it may wait for you to confirm the use of key " + key
}

// skippedWords says why a key file is not used.
func skippedWords(file, reason, detail string) string {
	if reason == sshconn.SkipPermissions {
		return file + " is not used: others can read it (chmod 600 " + file + ")"
	}
	return file + " is not used: " + detail
}

// inquiryWords returns the questions, each wanting one answer.
func inquiryWords(q control.Inquiry) []asked {
	switch {
	case q.HostKey != nil:
		return []asked{{text: hostKeyText(*q.HostKey), echo: true}}
	case q.Prompt != nil:
		return promptWords(*q.Prompt)
	}
	return nil
}

func promptWords(p sshconn.Prompt) []asked {
	switch p.Kind {
	case sshconn.PromptPassphrase:
		file := text.Escape(p.File)
		if p.Again {
			return []asked{{text: fmt.Sprintf("Bad passphrase, try again for key '%s': ", file)}}
		}
		return []asked{{text: fmt.Sprintf("Enter passphrase for key '%s': ", file)}}
	case sshconn.PromptPassword:
		q := asked{text: fmt.Sprintf("%s@%s's password: ", text.Escape(p.User), text.Escape(p.Host))}
		if p.Again {
			q.before = "Permission denied, please try again.\n"
		}
		return []asked{q}
	case sshconn.PromptAddKey:
		text := fmt.Sprintf("Add key %s (%s) to agent? (yes/no) ", text.Escape(p.File), text.Escape(p.Comment))
		return []asked{{text: text, echo: true, hint: "confirm"}}
	case sshconn.PromptRound:
		return roundWords(p)
	}
	var all []asked
	for _, field := range p.Fields {
		all = append(all, asked{text: block(field.Text), echo: field.Echo})
	}
	return all
}

// roundWords are those of keyboard-interactive. Each question begins with user
// and host, so that a server cannot pass it off as another's.
func roundWords(p sshconn.Prompt) []asked {
	before := lines(p.Name) + lines(p.Instruction)
	var all []asked
	for _, field := range p.Fields {
		text := fmt.Sprintf("(%s@%s) %s", text.Escape(p.User), text.Escape(p.Host), block(field.Text))
		all = append(all, asked{before: before, text: text, echo: field.Echo})
		before = ""
	}
	return all
}

// maxLines bounds what one text of a server takes of the screen.
const maxLines = 60

// lines is a server's text for the terminal, as whole lines: its control
// characters are escaped but for the ends of lines.
func lines(s string) string {
	if s = block(s); s == "" || strings.HasSuffix(s, "\n") {
		return s
	}
	return s + "\n"
}

// block is lines without an end of line at the end.
func block(s string) string {
	all := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	all = all[:min(len(all), maxLines)]
	for i, line := range all {
		all[i] = text.Escape(strings.ReplaceAll(line, "\t", "    "))
	}
	return strings.Join(all, "\n")
}
