package labtest

import (
	"encoding/json"
	"reflect"
	"testing"
)

// AsJSON proves that an error's data survives the way to another process.
func AsJSON(t testing.TB, err error) {
	t.Helper()
	b, failed := json.Marshal(err)
	if failed != nil {
		t.Fatal(failed)
	}
	again := reflect.New(reflect.TypeOf(err).Elem()).Interface()
	if failed := json.Unmarshal(b, again); failed != nil {
		t.Fatal(failed)
	}
	if !reflect.DeepEqual(err, again) {
		t.Errorf("%+v came back as %+v", err, again)
	}
}
