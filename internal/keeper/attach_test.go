package keeper

import (
	"slices"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/remote"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
)

// corrected is the test keeper's configuration with something changed.
func (l *listening) corrected(change func(*sshconfig.Config)) *sshconfig.Config {
	config := *l.k.config()
	change(&config)
	return &config
}

// attachWith has a client attach, until the test ends, and returns where its
// failure comes.
func (l *listening) attachWith(a control.Attach) <-chan error {
	l.t.Helper()
	client, err := control.Connect(l.t.Context(), l.dirs, l.id)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(client.Close)
	ended := make(chan error, 1)
	go func() {
		_, err := client.Attach(a, nil)
		ended <- err
	}()
	return ended
}

// TestAttachConfig: the newest launch's configuration holds, for a keeper that
// takes this one's place too, however long it is.
func TestAttachConfig(t *testing.T) {
	l := listenForTest(t)
	for clients, length := range []int{0, 64 << 10, 1 << 19} {
		config := l.corrected(func(c *sshconfig.Config) {
			c.IdentityFiles = append(slices.Clone(c.IdentityFiles), "/other")
			c.SetEnv = []string{"LONG=" + strings.Repeat("x", length)}
		})
		l.attachWith(control.Attach{Config: config, Session: true})
		l.counted(clients + 1)
		saved, err := loadSpec(l.dirs.Of(l.id).Spec())
		if err != nil {
			t.Fatal(err)
		}
		for who, has := range map[string]*sshconfig.Config{"the keeper": l.k.config(), "the saved spec": saved.Config} {
			if !slices.Equal(has.IdentityFiles, config.IdentityFiles) || !slices.Equal(has.SetEnv, config.SetEnv) {
				t.Errorf("%s has another configuration than the launch of %d bytes", who, length)
			}
		}
	}
}

// TestAttachConfigOfAnother: one with another ID would be saved as this keeper's.
func TestAttachConfigOfAnother(t *testing.T) {
	l := listenForTest(t)
	before := l.k.config()
	other := l.corrected(func(c *sshconfig.Config) { c.Port++ })
	if err := <-l.attachWith(control.Attach{Config: other, Session: true}); err == nil || err.Error() != control.ErrUnknownCall.Error() {
		t.Errorf("attached: %v", err)
	}
	if l.k.config() != before {
		t.Error("the configuration was taken")
	}
}

// TestLookerLeavesConfig: a connection that works keeps its configuration when
// no session is to follow.
func TestLookerLeavesConfig(t *testing.T) {
	k := spareKeeper(t)
	before := k.config()
	other := *before
	works, lost := k.connects(t), k.connects(t)
	lost.Drop()
	for name, c := range map[string]struct {
		conn    *remote.Connection
		session bool
		taken   bool
	}{
		"a look at one that works":   {works, false, false},
		"a session on it":            {works, true, true},
		"a look at one that is lost": {lost, false, true},
		"a look at none":             {nil, false, true},
	} {
		k.spec.Config, k.conn = before, c.conn
		service{k}.use(control.Attach{Config: &other, Session: c.session})
		if taken := k.config() == &other; taken != c.taken {
			t.Errorf("%s: taken %v, want %v", name, taken, c.taken)
		}
	}
}
