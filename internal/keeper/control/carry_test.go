package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mosha-ssh/mosha/internal/bootstrap"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// carry takes an error through the wire's JSON.
func carry(t *testing.T, err error) error {
	t.Helper()
	line, jsonErr := json.Marshal(reply{Error: encodeError(err)})
	if jsonErr != nil {
		t.Fatal(jsonErr)
	}
	var r reply
	if err := json.Unmarshal(line, &r); err != nil {
		t.Fatal(err)
	}
	return r.Error.decode()
}

// TestErrorsKeepTheirTypeAndData between processes, each that is listed.
func TestErrorsKeepTheirTypeAndData(t *testing.T) {
	for _, listed := range carried {
		value := reflect.New(reflect.TypeOf(listed).Elem())
		for i := range value.Elem().NumField() {
			switch field := value.Elem().Field(i); field.Kind() {
			case reflect.String:
				field.SetString("text")
			case reflect.Int:
				field.SetInt(7)
			case reflect.Bool:
				field.SetBool(true)
			}
		}
		sent := value.Interface().(error)
		got := reflect.New(reflect.TypeOf(listed))
		if arrived := carry(t, fmt.Errorf("around: %w", sent)); !errors.As(arrived, got.Interface()) {
			t.Errorf("%T does not arrive", listed)
		} else if diff := cmp.Diff(sent, got.Elem().Interface()); diff != "" {
			t.Errorf("%T: %s", listed, diff)
		}
	}
}

// TestErrorsKeepTheirCauses.
func TestErrorsKeepTheirCauses(t *testing.T) {
	sent := &SetupError{Paths: []string{"~/.bashrc"}, Err: &bootstrap.FileError{Path: "~/.bashrc", Reason: bootstrap.Full}}
	var setup *SetupError
	var file *bootstrap.FileError
	if got := carry(t, sent); !errors.As(got, &setup) || !errors.As(setup.Err, &file) || file.Reason != bootstrap.Full {
		t.Errorf("arrived as %v", got)
	}
	if got := carry(t, errors.New("plain")); got.Error() != "plain" {
		t.Errorf("a plain error arrived as %q", got)
	}
	if carry(t, nil) != nil {
		t.Error("no error arrived as one")
	}
}

// TestErrorsKeepManyKeys: an agent may have many, and a server take as many
// tries.
func TestErrorsKeepManyKeys(t *testing.T) {
	sent := &sshconn.AuthError{User: "alice", Host: "devbox"}
	for range 100 {
		sent.Tried = append(sent.Tried, sshconn.TriedKey{
			Type: "ED25519", Fingerprint: "SHA256:" + strings.Repeat("x", 43), Source: "/home/alice/.ssh/id_of_a_customer", FromAgent: true,
		})
	}
	var got *sshconn.AuthError
	if !errors.As(carry(t, sent), &got) || len(got.Tried) != len(sent.Tried) {
		t.Errorf("arrived as %+v", got)
	}
}

// TestErrorsAreBounded: a server's words do not fill a line of the wire.
func TestErrorsAreBounded(t *testing.T) {
	sent := &sshconn.AlgorithmError{What: strings.Repeat("x", 1<<20), Theirs: []string{strings.Repeat("y", 1<<20)}}
	line, err := json.Marshal(reply{Error: encodeError(sent)})
	if err != nil || len(line) > maxLine {
		t.Errorf("%d bytes, %v", len(line), err)
	}
}

// FuzzErrorDecode: whatever is in a reply, decoding it does not panic.
func FuzzErrorDecode(f *testing.F) {
	f.Add([]byte(`{"text":"x","type":"sshconn.AuthError","data":{"User":"u"},"cause":{"text":"y"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var w wireError
		if json.Unmarshal(data, &w) == nil {
			_ = w.decode().Error()
		}
	})
}
