package sshconfig

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const plainOutput = "host dev\nhostname dev\nuser me\n"

// TestUnknownValues has a newer ssh print what is not known here: it is as if
// the option were not there, unless that would decide something.
func TestUnknownValues(t *testing.T) {
	plain, err := parse([]byte(plainOutput))
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range slices.Sorted(maps.Keys(dispensable)) {
		if setter(key) == nil {
			t.Errorf("there is no %s", key)
		}
		c, err := parse([]byte(plainOutput + key + " never-heard-of\n"))
		if err != nil {
			t.Errorf("%s: %v", key, err)
		} else if diff := cmp.Diff(plain, c); diff != "" {
			t.Errorf("%s (-without +with):\n%s", key, diff)
		}
	}
	for key := range strings.FieldsSeq(`stricthostkeychecking checkhostip verifyhostkeydns requiredrsasize port addressfamily
		nohostauthenticationforlocalhost identitiesonly passwordauthentication kbdinteractiveauthentication batchmode proxyusefdpass`) {
		c, err := parse([]byte(plainOutput + key + " never-heard-of\n"))
		if err == nil || !strings.Contains(err.Error(), " "+key+" ") {
			t.Errorf("%s: %+v, %v", key, c, err)
		}
	}
}

// TestHalfKnownValue has nothing taken over from a value of which only the
// first word is known.
func TestHalfKnownValue(t *testing.T) {
	for _, line := range []string{"addkeystoagent confirm never-heard-of", "addkeystoagent 60 never-heard-of", "rekeylimit 99999999999999999999999 0"} {
		c, err := parse([]byte(plainOutput + line + "\n"))
		if err != nil || c.AddKeysToAgent != "no" || c.AddKeysLifetime != 0 || c.RekeyBytes != 0 {
			t.Errorf("%s: %+v, %v", line, c, err)
		}
	}
}

func TestNoPasswordPrompts(t *testing.T) {
	if c := resolve(t, sshWith(t, "NumberOfPasswordPrompts 0\n"), "dev"); c.NumberOfPasswordPrompts != 0 {
		t.Errorf("%d prompts", c.NumberOfPasswordPrompts)
	}
}
