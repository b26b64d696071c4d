package sshconn

import (
	"context"
	"errors"
	"github.com/mosha-ssh/mosha/internal/text"
	"sync"
)

// Kinds of Prompt, with what is answered.
const (
	PromptPassphrase = "passphrase" // of the key in File
	PromptPassword   = "password"   // of User on Host
	PromptRound      = "round"      // of keyboard-interactive: an answer to each of Fields
	PromptAddKey     = "add key"    // yes or no: is the key in File to be added to the agent?
	PromptWords      = "words"      // what OpenSSH's ssh asks: one of Fields, in its own words
)

// Prompt is a question that a person has to answer so that authentication can
// go on. Its texts may come from the server and are not to be trusted on a
// terminal as they are.
type Prompt struct {
	Kind string
	User string
	Host string // as ssh names it: HostKeyAlias or the host's name
	File string
	// Comment is the key's, of PromptAddKey.
	Comment string
	// Again says that the answer before was wrong.
	Again bool
	// Name, Instruction and Fields are the server's (RFC 4256, section 3.2).
	Name        string
	Instruction string
	Fields      []PromptField
}

// PromptField is one question of a round.
type PromptField struct {
	Text string
	Echo bool // what is typed may be seen
}

// Answers returns how many answers the prompt wants.
func (p *Prompt) Answers() int {
	if p.Kind == PromptRound || p.Kind == PromptWords {
		return len(p.Fields)
	}
	return 1
}

// ErrNoAnswer is what Options.Prompt returns when the person will not answer
// or cannot be asked: what needs the answer is passed over.
var ErrNoAnswer = errors.New("no answer")

// size is how many bytes of the server's are in it.
func (p *Prompt) size() int {
	n := len(p.Name) + len(p.Instruction)
	for _, field := range p.Fields {
		n += len(field.Text)
	}
	return n
}

// Kinds of Notice.
const (
	NoticeBanner  = "banner"  // Text is the server's, RFC 4252, section 5.4, or what an ssh says on the way
	NoticeTouch   = "touch"   // the key Key waits for a person's touch
	NoticeWait    = "wait"    // the agent has not signed with Key yet or, without Key, not listed its keys
	NoticeSigned  = "signed"  // the key was touched
	NoticeProgram = "program" // Text is a line of stderr of a proxy, or of KnownHostsCommand
	NoticeSkipped = "skipped" // the key file File was not used: Reason and Text
	NoticeSession = "session" // the server has let us in, and has not opened a session yet
	NoticeRoom    = "room"    // the server opens no more sessions for now
	NoticeHostKey = "hostkey" // the host's key is known: Key is its fingerprint, Text a picture of it
	NoticeStage   = "stage"   // what takes long: Stage (not told by this package)
)

// Notice is something that a person should see while they wait.
// Its text may come from the server and is not to be trusted on a terminal as
// it is.
type Notice struct {
	Kind   string
	Text   string
	Key    string // type and fingerprint, as ssh names a key
	File   string
	Reason string // one of the Skip constants
	Stage  *Stage `json:",omitempty"`
}

// Stage is how far an attempt to connect has come.
type Stage struct {
	Phase   string // one of the Phase constants
	User    string
	Host    string // the name that is connected to
	Port    int
	Address string // ip:port that was dialed last; "": none was yet, or a proxy is to connect
	Proxied bool
}

// Bounds on what a server can have shown to a person.
const (
	maxText   = 4 << 10 // bytes of one text
	maxBanner = 8 << 10 // bytes of a banner: some are long; JSON may make six of one here too
	maxWords  = 1 << 10 // bytes of what a server says last, in an error
	maxFields = 32      // questions in a round; PAM has no more
	maxRound  = 8 << 10 // bytes of a round; JSON may make six of one, and a line of 64 KiB has to take it
	maxRounds = 64      // of keyboard-interactive in one connection
	maxShown  = 32 << 10
)

// bounded cuts a text from the server to maxText.
func bounded(said string) string { return text.Cut(said, maxText) }

// oneByOne has tell called by one goroutine at a time.
func oneByOne(tell func(Notice)) func(Notice) {
	if tell == nil {
		return nil
	}
	var one sync.Mutex
	return func(n Notice) {
		one.Lock()
		defer one.Unlock()
		tell(n)
	}
}

// unrepeated does not tell again what a program has said before, as in an
// attempt over the other transport.
func unrepeated(tell func(Notice)) func(Notice) {
	if tell == nil {
		return nil
	}
	told := make(map[string]bool)
	return oneByOne(func(n Notice) {
		if n.Kind == NoticeProgram {
			if told[n.Text] {
				return
			}
			told[n.Text] = true
		}
		tell(n)
	})
}

// prompter is who can be asked and told something while Dial is under way. All
// clocks rest while a question is open.
type prompter struct {
	ctx    context.Context // ends with the connection
	prompt func(context.Context, Prompt) ([][]byte, error)
	tell   func(Notice)
	pause  func() (resume func())

	shown   int   // bytes of the server's that were shown
	typed   bool  // the server was given something that was typed
	unasked bool  // a question had no answer
	refused error // why the whole attempt is over, from prompt
}

// there says whether somebody can be asked.
func (p *prompter) there() bool { return p.prompt != nil && p.refused == nil }

// ask returns the answers, which the caller overwrites. The error is
// ErrNoAnswer, or one that ends the attempt.
func (p *prompter) ask(q Prompt) ([][]byte, error) {
	if !p.there() {
		return nil, ErrNoAnswer
	}
	resume := p.pause()
	defer resume()
	answers, err := p.prompt(p.ctx, q)
	switch {
	case err == nil && len(answers) != q.Answers():
		wipe(answers)
		err = ErrNoAnswer
	case err != nil && !errors.Is(err, ErrNoAnswer):
		p.refused = err
	}
	p.unasked = p.unasked || err != nil
	return answers, err
}

// say shows a notice, if somebody is there to see it, and up to a bound.
func (p *prompter) say(n Notice) {
	if p.tell == nil || p.shown > maxShown {
		return
	}
	most := maxText
	if n.Kind == NoticeBanner {
		most = maxBanner
	}
	n.Text = text.Cut(n.Text, most)
	p.shown += len(n.Text)
	p.tell(n)
}

// wipe overwrites what was typed.
func wipe(secrets [][]byte) {
	for _, s := range secrets {
		clear(s)
	}
}

// programSays returns what tells a line of a program; nil if nobody is there.
func programSays(tell func(Notice)) func(line string) {
	if tell == nil {
		return nil
	}
	return func(line string) { tell(Notice{Kind: NoticeProgram, Text: bounded(line)}) }
}
