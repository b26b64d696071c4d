package explain

import (
	"fmt"
	"strings"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/text"
	"github.com/mosha-ssh/mosha/internal/tty"
)

// Questions returns the questions, each wanting one answer.
func Questions(q control.Inquiry) []tty.Question {
	switch {
	case q.HostKey != nil:
		return []tty.Question{{Text: hostKeyText(*q.HostKey), Echo: true}}
	case q.Prompt != nil:
		return promptWords(*q.Prompt)
	}
	return nil
}

func promptWords(p sshconn.Prompt) []tty.Question {
	switch p.Kind {
	case sshconn.PromptPassphrase:
		file := text.Escape(p.File)
		if p.Again {
			return []tty.Question{{Text: fmt.Sprintf("Bad passphrase, try again for key '%s': ", file)}}
		}
		return []tty.Question{{Text: fmt.Sprintf("Enter passphrase for key '%s': ", file)}}
	case sshconn.PromptPassword:
		q := tty.Question{Text: fmt.Sprintf("%s@%s's password: ", text.Escape(p.User), text.Escape(p.Host))}
		if p.Again {
			q.Before = "Permission denied, please try again.\n"
		}
		return []tty.Question{q}
	case sshconn.PromptAddKey:
		text := fmt.Sprintf("Add key %s (%s) to agent? (yes/no) ", text.Escape(p.File), text.Escape(p.Comment))
		return []tty.Question{{Text: text, Echo: true, Hint: "confirm"}}
	case sshconn.PromptRound:
		return roundWords(p)
	}
	var all []tty.Question
	for _, field := range p.Fields {
		all = append(all, tty.Question{Text: text.Block(field.Text), Echo: field.Echo})
	}
	return all
}

// roundWords are those of keyboard-interactive. Each question begins with user
// and host, so that a server cannot pass it off as another's.
func roundWords(p sshconn.Prompt) []tty.Question {
	before := text.Lines(p.Name) + text.Lines(p.Instruction)
	var all []tty.Question
	for _, field := range p.Fields {
		asked := fmt.Sprintf("(%s@%s) %s", text.Escape(p.User), text.Escape(p.Host), text.Block(field.Text))
		all = append(all, tty.Question{Before: before, Text: asked, Echo: field.Echo})
		before = ""
	}
	return all
}

// hostKeyText is ssh's own question about a host key.
func hostKeyText(q sshconn.HostKeyQuestion) string {
	switch {
	case q.Kind == sshconn.AskUpdate:
		return updateText(q)
	case q.Again:
		return "Please type 'yes', 'no' or the fingerprint: "
	}
	host := q.Host
	if q.Address != "" {
		host += " (" + q.Address + ")"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "The authenticity of host '%s' can't be established.\n", text.Escape(host))
	fmt.Fprintf(&b, "%s key fingerprint is %s.\n", text.Escape(q.KeyType), text.Escape(q.Fingerprint))
	b.WriteString(text.Lines(q.Art))
	if q.CertProblem != "" {
		fmt.Fprintf(&b, "Its certificate is not good: %s.\n", text.Escape(q.CertProblem))
	}
	otherNames(&b, q)
	b.WriteString("Are you sure you want to continue connecting (yes/no/[fingerprint])? ")
	return b.String()
}

// otherNames says where else the same key is known.
func otherNames(b *strings.Builder, q sshconn.HostKeyQuestion) {
	if len(q.OtherNames) == 0 {
		b.WriteString("This key is not known by any other names.\n")
		return
	}
	b.WriteString("This host key is known by the following other names/addresses:\n")
	for _, name := range q.OtherNames {
		fmt.Fprintf(b, "    %s:%d: %s\n", text.Escape(name.File), name.Line, text.Escape(name.Hosts))
	}
	if more := q.OtherTotal - len(q.OtherNames); more > 0 {
		fmt.Fprintf(b, "    (%d additional names omitted)\n", more)
	}
}

// updateText is ssh's question of UpdateHostKeys=ask.
func updateText(q sshconn.HostKeyQuestion) string {
	if q.Again {
		return "Please enter \"yes\" or \"no\": "
	}
	var b strings.Builder
	b.WriteString("The server has updated its host keys.\nThese changes were verified by the server's existing trusted key.\n")
	for _, key := range q.Learned {
		fmt.Fprintf(&b, "Learned new hostkey: %s %s\n", text.Escape(key.Type), text.Escape(key.Fingerprint))
	}
	for _, key := range q.Removed {
		fmt.Fprintf(&b, "Deprecating obsolete hostkey: %s %s\n", text.Escape(key.Type), text.Escape(key.Fingerprint))
	}
	b.WriteString("Accept updated hostkeys? (yes/no): ")
	return b.String()
}
