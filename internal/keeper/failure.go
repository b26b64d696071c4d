package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/remotesh"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// SetupError says that the remote could not be set up, or that files of it
// could not be written, all for the same reason.
type SetupError struct {
	Paths []string // as in ~/.bashrc; none: nothing could be done
	Err   error    `json:"-"`
}

func (e *SetupError) Error() string { return fmt.Sprintf("set-up: %v", e.Err) }

func (e *SetupError) Unwrap() error { return e.Err }

// NoKeysError says that the agent of the newest launch, at Path, has no keys.
// Others says that the sessions have those of an earlier launch's.
type NoKeysError struct {
	Path   string
	Others bool
}

func (e *NoKeysError) Error() string { return "the agent at " + e.Path + " has no keys" }

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
	&rundir.DirError{}, &rundir.FileError{}, &SetupError{}, &link.ForwardError{}, &VersionError{}, &RoomError{}, &BusyError{}, &NoKeysError{},
	&bootstrap.FileError{}, &link.Error{}, &remotesh.Error{},
	&sshconn.ResolveError{}, &sshconn.ConnectError{}, &sshconn.TimeoutError{}, &sshconn.ClosedError{},
	&sshconn.ProxyError{}, &sshconn.DisconnectError{}, &sshconn.ProtocolError{}, &sshconn.AlgorithmError{},
	&sshconn.HostKeyError{}, &sshconn.KnownHostsCommandError{}, &sshconfig.CommandError{}, &sshconfig.EnvError{},
	&sshconn.AuthError{}, &sshconn.UnsupportedError{},
	&sshconn.MasterError{}, &sshconn.PathError{}, &TransportError{}, &ExpiredError{},
}

// isRefusal says that the other side was reached and would not have us, or we
// not them: trying again in the background changes nothing and may lock an
// account.
func isRefusal(err error) bool {
	var key *sshconn.HostKeyError
	var auth *sshconn.AuthError
	var algorithm *sshconn.AlgorithmError
	var unsupported *sshconn.UnsupportedError
	var master *sshconn.MasterError
	var path *sshconn.PathError
	if errors.As(err, &master) && master.Early || errors.As(err, &path) {
		return true
	}
	return errors.As(err, &key) || errors.As(err, &auth) || errors.As(err, &algorithm) || errors.As(err, &unsupported)
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
	w := &wireError{Text: shortened(err), Cause: encodeError(errors.Unwrap(err))}
	t := reflect.TypeOf(err)
	if t.Kind() != reflect.Pointer || byName[t.Elem().String()] == nil {
		return w
	}
	if data, err := json.Marshal(err); err == nil && len(data) <= maxErrorData {
		w.Type, w.Data = t.Elem().String(), data
	}
	return w
}

// An error may carry a server's words, which must not fill a line. One that lists a
// hundred keys that were tried still fits.
const (
	maxErrorText = 1 << 10
	maxErrorData = 32 << 10
)

// shortened is the error's text up to maxErrorText, cut between characters.
func shortened(err error) string {
	text := err.Error()
	if len(text) <= maxErrorText {
		return text
	}
	return strings.ToValidUTF8(text[:maxErrorText], "")
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
			setCause(value.Elem(), told.cause)
			told.self, _ = value.Interface().(error)
		}
	}
	return told
}

// setCause gives a decoded error its cause back, in the field Err if it has one.
func setCause(value reflect.Value, cause error) {
	field := value.FieldByName("Err")
	if cause != nil && field.IsValid() && field.Type() == reflect.TypeFor[error]() {
		field.Set(reflect.ValueOf(cause))
	}
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

// SetupReport is what the set-up did, or what took it back.
type SetupReport struct {
	Files    []FileOutcome
	Failures []*wireError // one for each reason
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

func newSetupReport(r bootstrap.Report) *SetupReport {
	told := &SetupReport{Failures: encodeAll(failures(r, true))}
	for _, f := range r.Files {
		told.Files = append(told.Files, FileOutcome{Path: f.Path, Action: f.Action, Cause: encodeError(f.Cause), Diff: f.Diff})
	}
	return told
}

// failures returns an error for each reason for which files were not written:
// because that failed or, with skipped, because they were left alone as well. A
// link that is the person's own is no failure.
func failures(r bootstrap.Report, skipped bool) []error {
	var all []error
	byReason := map[bootstrap.Reason]*SetupError{}
	for _, f := range r.Files {
		var cause *bootstrap.FileError
		counts := f.Action == bootstrap.Failed || skipped && f.Action == bootstrap.Skipped
		if !counts || !errors.As(f.Cause, &cause) || cause.Reason == bootstrap.Needed || cause.Reason == bootstrap.Private {
			continue
		}
		known := byReason[cause.Reason]
		if known == nil {
			known = &SetupError{Err: cause}
			byReason[cause.Reason] = known
			all = append(all, known)
		}
		known.Paths = append(known.Paths, f.Path)
	}
	return all
}
