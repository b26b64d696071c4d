package keeper

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mosha-ssh/mosha/internal/remotesh"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

const (
	// protocolVersion is counted up when a message changes its meaning.
	protocolVersion = 2
	// maxLine bounds one message on the control socket, in bytes.
	maxLine = 64 << 10
	// maxCall bounds the first one of a conversation, which may carry what a
	// Spec does: a configuration is as long as its SetEnv.
	maxCall = maxSpec
	// patience is how long a peer on the control socket may take to say its
	// first line or to take what is said to it.
	patience = 10 * time.Second
)

// call is what a client says: the first line says what it wants, further
// lines belong to an attach.
type call struct {
	Version int    `json:"mosha"`
	Op      string `json:"op"`

	Attach *Attach `json:"attach,omitempty"`
	Answer *answer `json:"answer,omitempty"`
	Lease  string  `json:"lease,omitempty"`
	Start  *Start  `json:"start,omitempty"`
	Shell  *Shell  `json:"shell,omitempty"`
	Input  []byte  `json:"input,omitempty"`
}

// What a client can want.
const (
	opAttach = "attach" // have the connection up, answer its questions
	opAnswer = "answer" // within an attach
	opLease  = "lease"  // within an attach: count this session
	opKeep   = "keep"   // within an attach: stay until stopped
	opStart  = "start"  // have mosh-server started
	opShell  = "shell"  // run a shell on the remote
	opInput  = "input"  // within a shell: for its input
	opEnd    = "end"    // within a shell: the end of its input
	opSetup  = "setup"  // set the remote up, say what changed
	opUnset  = "unset"  // take that back
	opTry    = "try"    // say what setup would do
	opTryUn  = "try-un" // say what unset would do
	opStatus = "status"
	opStop   = "stop" // in every version
)

// Attach says who wants the connection up, and for what.
type Attach struct {
	// Config is what this launch found for the destination, whose ID it has.
	// The keeper goes by it from then on; nil leaves it its own.
	Config *sshconfig.Config `json:"config,omitempty"`
	// Env is the launcher's environment, see Environment. It and the directory in
	// Config count as Config does.
	Env         [][]byte `json:"env,omitempty"`
	AgentSocket string   `json:"agent_socket"` // the launcher's SSH_AUTH_SOCK, newer than the keeper's
	Session     bool     `json:"session"`      // a person acts: a session is to follow, or the keeper is to stay
	// Linger is how long the keeper stays after its last session.
	Linger time.Duration `json:"linger,omitempty"`
	// Transport is the one that is wanted; empty is whatever it was.
	Transport string `json:"transport,omitempty"`
}

// Start is a request to start mosh-server.
type Start struct {
	Command string             `json:"command"`
	Pty     *Pty               `json:"pty,omitempty"` // nil: no terminal
	Env     []sshconfig.EnvVar `json:"env,omitempty"` // those that the server does not accept are left out there
}

// Pty describes the terminal that a command is started on (RFC 4254, 6.2).
type Pty struct {
	Term          string `json:"term"`
	Columns, Rows uint32
}

// Shell is a request for a POSIX shell on the remote, beside whatever else the
// connection carries.
type Shell struct {
	Agent bool `json:"agent"` // with the agent forwarded
}

// reply is one line from the keeper; one field is set.
type reply struct {
	Heard   bool         `json:"heard,omitempty"` // an attach: the keeper lives, whatever is to come may take its time
	Ask     *Inquiry     `json:"ask,omitempty"`
	Number  int          `json:"number,omitempty"` // of Ask
	Tell    *Notice      `json:"tell,omitempty"`
	Up      *Connected   `json:"up,omitempty"`
	Error   *wireError   `json:"error,omitempty"`
	Output  []byte       `json:"output,omitempty"` // of the server's start
	Settled *settled     `json:"settled,omitempty"`
	Exit    *int         `json:"exit,omitempty"` // of the server's start; -1: none was said
	Report  *SetupReport `json:"report,omitempty"`
	Status  *Status      `json:"status,omitempty"`
	Done    bool         `json:"done,omitempty"`
}

// settled says that the set-up and the link are done or have failed.
type settled struct {
	Address  string       `json:"address"`            // where mosh-server is to be reached; empty: not known
	Beyond   *Beyond      `json:"beyond,omitempty"`   // set where that is the server's own word
	Written  []string     `json:"written,omitempty"`  // the remote's files that set-up has changed, told once
	Warnings []*wireError `json:"warnings,omitempty"` // what could not be had
}

// Beyond is a connection through a proxy as the server sees it.
type Beyond struct {
	Client netip.AddrPort `json:"client"` // not valid: not known
	Server netip.Addr     `json:"server"`
}

// Connected says that the connection is there.
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

// errLineTooLong ends the conversation with a peer that sends more than
// maxLine bytes without a newline, maxCall at first.
var errLineTooLong = errors.New("a line on the control socket is too long")

// wire carries one JSON value a line over the control socket. One goroutine
// may receive while others send.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	mu   sync.Mutex // one line at a time

	asking atomic.Int64 // number of the question that is open, 0: none
}

func newWire(conn net.Conn) *wire {
	return &wire{conn: conn, in: bufio.NewReaderSize(conn, 4<<10)}
}

// send writes v as a line. A peer that does not read is given up after
// patience.
func (w *wire) send(v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(line) >= maxCall { // nobody would take it
		return errLineTooLong
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = w.conn.SetWriteDeadline(time.Now().Add(patience))
	_, err = w.conn.Write(append(line, '\n'))
	return err
}

// receive reads the next line into v.
func (w *wire) receive(v any) error {
	return w.receiveUpTo(maxLine, v)
}

func (w *wire) receiveUpTo(limit int, v any) error {
	line, err := readLine(w.in, limit)
	if err != nil {
		return err
	}
	return json.Unmarshal(line, v)
}

// receiveCall reads a conversation's first line, for which there is patience.
func (w *wire) receiveCall(c *call) error {
	_ = w.conn.SetReadDeadline(time.Now().Add(patience))
	defer func() { _ = w.conn.SetReadDeadline(time.Time{}) }()
	return w.receiveUpTo(maxCall, c)
}

func (w *wire) Close() error { return w.conn.Close() }

// readLine returns the next line without its end. The last line may lack one.
func readLine(in *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return nil, errLineTooLong
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(line) > 0:
			return line, nil
		default:
			return nil, err
		}
	}
}
