package sshconn

import (
	"errors"
)

// Kinds of Prompt, with what is answered.
const (
	PromptPassphrase = "passphrase" // of the key in File
	PromptPassword   = "password"   // of User on Host
	PromptRound      = "round"      // of keyboard-interactive: an answer to each of Fields
	PromptAddKey     = "add key"    // yes or no: is the key in File to be added to the agent?
	PromptWords      = "words"      // what OpenSSH's ssh asks: one of Fields, in its own words
)

// Prompt is a question that authentication puts to a person. Its texts may come
// from the server: a terminal must not get them as they are.
type Prompt struct {
	Kind string
	User string
	Host string // as ssh names it: HostKeyAlias or the host's name
	File string
	// Comment is the key's, of PromptAddKey.
	Comment string
	// Again reports whether the answer before was wrong.
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

// ErrNoAnswer is what Options.Prompt returns when the person does not answer or
// cannot be asked. The attempt goes on without the answer.
var ErrNoAnswer = errors.New("no answer")

// Kinds of Notice.
const (
	NoticeBanner  = "banner"  // Text is the server's, RFC 4252, section 5.4, or what an ssh says on the way
	NoticeTouch   = "touch"   // the key Key waits for a person's touch
	NoticeWait    = "wait"    // the agent has not signed with Key yet or, without Key, not listed its keys
	NoticeSigned  = "signed"  // the key was touched
	NoticeProgram = "program" // Text is a line of stderr of a proxy
	NoticeSkipped = "skipped" // the key file File was not used: Reason and Text
	NoticeSession = "session" // the server has let us in, and has not opened a session yet
	NoticeRoom    = "room"    // the server opens no more sessions for now
	NoticeStage   = "stage"   // what takes long: Stage (not told by this package)
)

// Notice is what a person should see while they wait. Its text may come from the
// server: a terminal must not get it as it is.
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
