package control

import (
	"encoding/json"
	"errors"
	"reflect"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/link"
	"github.com/mosha-ssh/mosha/internal/remotesh"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/text"
)

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
	&bootstrap.FileError{}, &remotesh.Error{},
	&sshconn.ResolveError{}, &sshconn.ConnectError{}, &sshconn.TimeoutError{}, &sshconn.ClosedError{},
	&sshconn.ProxyError{}, &sshconn.DisconnectError{}, &sshconn.ProtocolError{}, &sshconn.AlgorithmError{},
	&sshconn.HostKeyError{},
	&sshconn.AuthError{}, &sshconn.UnsupportedError{},
	&sshconn.MasterError{}, &sshconn.PathError{}, &TransportError{}, &ExpiredError{},
	&TunnelError{}, &NoTunnelError{},
}

// byName finds the types in carried again.
var byName = func() map[string]reflect.Type {
	types := map[string]reflect.Type{}
	for _, err := range carried {
		t := reflect.TypeOf(err).Elem()
		types[nameOf(t)] = t
	}
	return types
}()

// nameOf is the name of a type on the wire. That of VersionError never changes:
// it is read by other versions.
func nameOf(t reflect.Type) string {
	if t == reflect.TypeFor[VersionError]() {
		return "keeper.VersionError"
	}
	return t.String()
}

// encodeError makes an error ready for the wire.
func encodeError(err error) *wireError {
	if err == nil {
		return nil
	}
	w := &wireError{Text: text.Cut(err.Error(), maxErrorText), Cause: encodeError(errors.Unwrap(err))}
	t := reflect.TypeOf(err)
	if t.Kind() != reflect.Pointer || byName[nameOf(t.Elem())] == nil {
		return w
	}
	if data, err := json.Marshal(err); err == nil && len(data) <= maxErrorData {
		w.Type, w.Data = nameOf(t.Elem()), data
	}
	return w
}

// An error may carry a server's words, which must not fill a line. One that
// lists a hundred keys that were tried still fits.
const (
	maxErrorText = 1 << 10
	maxErrorData = 32 << 10
)

// Errors are several on their way to another process.
type Errors []error

// MarshalJSON makes them ready for the wire.
func (e Errors) MarshalJSON() ([]byte, error) {
	var all []*wireError
	for _, err := range e {
		all = append(all, encodeError(err))
	}
	return json.Marshal(all)
}

// UnmarshalJSON reads them from the wire.
func (e *Errors) UnmarshalJSON(data []byte) error {
	var all []*wireError
	err := json.Unmarshal(data, &all)
	for _, w := range all {
		*e = append(*e, w.decode())
	}
	return err
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
