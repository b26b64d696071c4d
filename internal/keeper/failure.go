package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// SetupError says that the remote could not be set up, or one file of it.
type SetupError struct {
	Path string // empty: nothing could be done
	Err  error  `json:"-"`
}

func (e *SetupError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("set-up: %v", e.Err)
	}
	return fmt.Sprintf("set-up: %s: %v", e.Path, e.Err)
}

func (e *SetupError) Unwrap() error { return e.Err }

// ForwardError says that the agent cannot be used in the session. Reason is
// "refused" (the server forwards no agent), "link" (the link could not be
// set), or "holder" (the script that sets it did not run).
type ForwardError struct {
	Reason string
	Err    error `json:"-"`
}

func (e *ForwardError) Error() string {
	if e.Err == nil {
		return "agent forwarding: " + e.Reason
	}
	return fmt.Sprintf("agent forwarding: %s: %v", e.Reason, e.Err)
}

func (e *ForwardError) Unwrap() error { return e.Err }

// VersionError says that a client and a keeper of different versions met.
type VersionError struct{ Keeper, Client int }

func (e *VersionError) Error() string {
	return fmt.Sprintf("the keeper speaks version %d of the control protocol, the client %d", e.Keeper, e.Client)
}

// errNoAgent says that neither the configuration nor the environment names an
// agent.
var errNoAgent = errors.New("no agent is configured here")

// wireError carries an error to another process. Types listed in carried
// arrive as themselves, all others as their text.
type wireError struct {
	Text  string          `json:"text"`
	Type  string          `json:"type,omitempty"`
	Data  json.RawMessage `json:"data,omitempty"`
	Cause *wireError      `json:"cause,omitempty"`
}

// carried are the errors that keep their type between processes. Their
// exported fields are plain data.
var carried = []error{
	&SetupError{}, &ForwardError{}, &VersionError{},
	&bootstrap.FileError{}, &bootstrap.LinkError{}, &bootstrap.RemoteError{},
	&sshconn.ResolveError{}, &sshconn.ConnectError{}, &sshconn.TimeoutError{}, &sshconn.ClosedError{},
	&sshconn.ProxyError{}, &sshconn.DisconnectError{}, &sshconn.ProtocolError{}, &sshconn.AlgorithmError{},
	&sshconn.HostKeyError{}, &sshconn.AuthError{},
}

// isRefusal says that the other side was reached and would not have us, or we
// not them: trying again in the background changes nothing and may lock an
// account.
func isRefusal(err error) bool {
	var key *sshconn.HostKeyError
	var auth *sshconn.AuthError
	var algorithm *sshconn.AlgorithmError
	return errors.As(err, &key) || errors.As(err, &auth) || errors.As(err, &algorithm)
}

// byName finds the types in carried again.
var byName = func() map[string]reflect.Type {
	types := map[string]reflect.Type{}
	for _, err := range carried {
		t := reflect.TypeOf(err).Elem()
		types[t.String()] = t
	}
	return types
}()

// encodeError makes an error ready for the wire.
func encodeError(err error) *wireError {
	if err == nil {
		return nil
	}
	w := &wireError{Text: err.Error(), Cause: encodeError(errors.Unwrap(err))}
	t := reflect.TypeOf(err)
	if t.Kind() != reflect.Pointer || byName[t.Elem().String()] == nil {
		return w
	}
	if data, err := json.Marshal(err); err == nil {
		w.Type, w.Data = t.Elem().String(), data
	}
	return w
}

func encodeAll(errs []error) []*wireError {
	var all []*wireError
	for _, err := range errs {
		all = append(all, encodeError(err))
	}
	return all
}

func decodeAll(all []*wireError) []error {
	var errs []error
	for _, w := range all {
		errs = append(errs, w.decode())
	}
	return errs
}

// decode returns the error with its type, where that is carried, and with its
// cause behind Unwrap.
func (w *wireError) decode() error {
	if w == nil {
		return nil
	}
	told := &toldError{text: w.Text, cause: w.Cause.decode()}
	if t, ok := byName[w.Type]; ok {
		value := reflect.New(t)
		if json.Unmarshal(w.Data, value.Interface()) == nil {
			told.self, _ = value.Interface().(error)
		}
	}
	return told
}

// toldError is an error that happened in the keeper. errors.As finds its own
// type and those of its causes.
type toldError struct {
	text  string
	self  error
	cause error
}

func (e *toldError) Error() string { return e.text }

func (e *toldError) Unwrap() []error {
	var chain []error
	for _, err := range []error{e.self, e.cause} {
		if err != nil {
			chain = append(chain, err)
		}
	}
	return chain
}

// FileOutcome is what the set-up did with one file, for another process.
type FileOutcome struct {
	Path   string
	Action bootstrap.Action
	Cause  *wireError `json:",omitempty"`
}

// Err returns why the file was skipped or failed, nil otherwise.
func (f FileOutcome) Err() error { return f.Cause.decode() }

func outcomes(r bootstrap.Report) []FileOutcome {
	all := make([]FileOutcome, 0, len(r.Files))
	for _, f := range r.Files {
		all = append(all, FileOutcome{Path: f.Path, Action: f.Action, Cause: encodeError(f.Cause)})
	}
	return all
}
