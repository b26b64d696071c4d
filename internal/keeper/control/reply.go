package control

import (
	"errors"
	"net/netip"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/remotesh"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// reply is one line from the keeper; one field is set.
type reply struct {
	Heard   bool            `json:"heard,omitempty"` // an attach: the keeper lives, whatever is to come may take its time
	Ask     *Inquiry        `json:"ask,omitempty"`
	Number  int             `json:"number,omitempty"` // of Ask
	Tell    *sshconn.Notice `json:"tell,omitempty"`
	Up      *Connected      `json:"up,omitempty"`
	Error   *wireError      `json:"error,omitempty"`
	Output  []byte          `json:"output,omitempty"` // of the server's start
	Settled *settled        `json:"settled,omitempty"`
	Exit    *int            `json:"exit,omitempty"` // of the server's start; -1: the server told none
	Report  *SetupReport    `json:"report,omitempty"`
	Status  *Status         `json:"status,omitempty"`
	Done    bool            `json:"done,omitempty"`
}

// Connected reports that the connection is there.
type Connected struct {
	Address string         `json:"address"`         // the server's, as this side sees it; empty behind a proxy
	Notes   []sshconn.Note `json:"notes,omitempty"` // what ssh would tell while connecting
	Agent   string         `json:"agent"`           // socket of the agent that is forwarded, "" if none answers
	// Identity is the fingerprint (SHA256:...) of the key that was let in, ""
	// if none was needed or it is not known.
	Identity string `json:"identity,omitempty"`
	// Forwarding is for whoever looks for the agent's socket on the remote.
	Forwarding remotesh.Forwarding `json:"forwarding"`
	OneSession bool                `json:"one_session,omitempty"` // see sshconn.Facts
}

// Ready is what is known once the set-up and the link are done or have failed.
type Ready struct {
	Address  string   // where mosh-server is to be reached, "" if that is not known
	Beyond   *Beyond  // set where that is the word of a server behind a proxy
	Written  []string // the remote's files that set-up has changed, as in ~/.bashrc; told once
	Warnings []error  // what sessions go without
}

// Beyond is a connection through a proxy as the server sees it.
type Beyond struct {
	Client netip.AddrPort `json:"client"` // not valid: not known
	Server netip.Addr     `json:"server"`
}

// settled is a Ready on the wire.
type settled struct {
	Address  string       `json:"address"`
	Beyond   *Beyond      `json:"beyond,omitempty"`
	Written  []string     `json:"written,omitempty"`
	Warnings []*wireError `json:"warnings,omitempty"`
}

func (s *settled) ready() Ready {
	return Ready{Address: s.Address, Beyond: s.Beyond, Written: s.Written, Warnings: decodeAll(s.Warnings)}
}

// SetupReport is what the set-up did, or what took it back.
type SetupReport struct {
	Files    []FileOutcome
	Failures []*wireError // one for each reason
}

// NewSetupReport reports what became of each file, and why those failed that did.
func NewSetupReport(r bootstrap.Report, failures []error) *SetupReport {
	told := &SetupReport{Failures: encodeAll(failures)}
	for _, f := range r.Files {
		told.Files = append(told.Files, FileOutcome{Path: f.Path, Action: f.Action, Cause: encodeError(f.Cause), Diff: f.Diff})
	}
	return told
}

// Err returns why files are not as they should be, nil if all are.
func (r *SetupReport) Err() error { return errors.Join(decodeAll(r.Failures)...) }

// FileOutcome is what became of one file, for another process.
type FileOutcome struct {
	Path   string
	Action bootstrap.Action
	Cause  *wireError `json:",omitempty"`
	Diff   []byte     `json:",omitempty"` // of a preview, as the remote's files have it
}

// Err returns why the file was skipped or failed, nil otherwise.
func (f FileOutcome) Err() error { return f.Cause.decode() }
