package control

import (
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
	Settled *Ready          `json:"settled,omitempty"`
	Exit    *int            `json:"exit,omitempty"` // of the server's start; -1: the server told none
	Report  *SetupReport    `json:"report,omitempty"`
	Status  *Status         `json:"status,omitempty"`
	Tunnels []Tunnel        `json:"tunnels,omitempty"` // those that were asked for
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
	// Tunnels are those of the launch's configuration.
	Tunnels []Tunnel `json:"tunnels,omitempty"`
}

// Ready is what is known once the set-up and the link are done or have failed.
type Ready struct {
	Address  string   `json:"address"`            // where mosh-server is to be reached, "" if that is not known
	Beyond   *Beyond  `json:"beyond,omitempty"`   // set where that is the word of a server behind a proxy
	Written  []string `json:"written,omitempty"`  // the remote's files that set-up has changed, as in ~/.bashrc; told once
	Warnings Errors   `json:"warnings,omitempty"` // what sessions go without
}

// Beyond is a connection through a proxy as the server sees it.
type Beyond struct {
	Client netip.AddrPort `json:"client"` // not valid: not known
	Server netip.Addr     `json:"server"`
}

// SetupReport is what the set-up did, or what took it back.
type SetupReport struct {
	Files    []bootstrap.FileResult
	Failures Errors // one for each reason
}
