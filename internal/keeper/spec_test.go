package keeper

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// TestInherit: what a keeper that was killed was told holds for one that a
// launch starts, but not from another boot or of another destination.
func TestInherit(t *testing.T) {
	config := sshconfig.Config{Dest: "devbox", HostName: "devbox.example", Port: 22}
	other := config
	other.Port++
	for name, c := range map[string]struct {
		config     *sshconfig.Config
		boot, left string
		taken      bool
	}{
		"the same boot":     {&config, "now", "now", true},
		"an earlier boot":   {&config, "now", "before", false},
		"boot is not known": {&config, "", "", false},
		"of another":        {&other, "now", "now", false},
	} {
		t.Run(name, func(t *testing.T) {
			left := saved{
				Spec: control.Spec{Config: c.config}, Boot: c.left, Kept: true, Actor: true, Agents: []string{"/agent"},
				Linger: time.Hour, Lingering: time.Unix(1e9, 0), Choice: sshconn.Choice{Transport: sshconn.TransportOpenSSH},
			}
			corrected := config
			want := saved{Spec: control.Spec{Config: &corrected, Family: "inet6"}}
			spec := want
			spec.inherit(left, c.boot)
			if c.taken {
				want = left
				want.Config, want.Family, want.Boot = &corrected, "inet6", ""
			}
			if diff := cmp.Diff(want, spec); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestBootID: there is one, and it stays.
func TestBootID(t *testing.T) {
	if id := bootID(); id == "" || id != bootID() {
		t.Errorf("%q, then %q", id, bootID())
	}
}

// TestLingersOn: a keeper that takes the place of one that lingered stays for
// the rest of the time, and never longer than was asked for, though the clock
// was set.
func TestLingersOn(t *testing.T) {
	for name, c := range map[string]struct{ saved, want time.Duration }{
		"for the rest":            {20 * time.Minute, 20 * time.Minute},
		"not when it is over":     {-time.Minute, 0},
		"after the clock was set": {20 * time.Hour, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec := spareKeeper(t).spec
				spec.Linger, spec.Lingering = time.Hour, time.Now().Add(c.saved)
				began := time.Now()
				k := newKeeper(spec, zerolog.Nop())
				if c.want > 0 && !k.needsLink() {
					t.Fatal("it does not linger")
				}
				k.until(t.Context(), 24*time.Hour, func() bool { return !k.wantedLocked() })
				if stayed := time.Since(began); stayed != c.want {
					t.Errorf("it stays for %v, want %v", stayed, c.want)
				}
			})
		})
	}
}

// TestLingersAfterSession: it does after one that ended while no keeper ran,
// too, and what is saved says until when.
func TestLingersAfterSession(t *testing.T) {
	k := spareKeeper(t)
	k.lifetime.linger = time.Hour
	if err := os.Mkdir(k.dir.Sessions(), 0o700); err != nil {
		t.Fatal(err)
	}
	nobodys := filepath.Join(k.dir.Sessions(), strings.Repeat("A", 26))
	if err := os.WriteFile(nobodys, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := k.leases.Find(); err != nil {
		t.Fatal(err)
	}
	saved, err := loadSpec(k.dir.Spec())
	if err != nil {
		t.Fatal(err)
	}
	if rest := time.Until(saved.Lingering); !k.needsLink() || rest <= 0 || rest > time.Hour {
		t.Errorf("it lingers: %v; saved with %v to go", k.needsLink(), rest)
	}
}

// TestStopDropsSpec: from then on nobody finds a spec to take the keeper's place
// by, whatever else a client still tells it.
func TestStopDropsSpec(t *testing.T) {
	k := spareKeeper(t)
	service{k}.use(control.Attach{AgentSocket: "/agent"})
	if _, err := loadSpec(k.dir.Spec()); err != nil {
		t.Fatal(err)
	}
	k.stop()
	service{k}.use(control.Attach{AgentSocket: "/other"})
	if _, err := os.Stat(k.dir.Spec()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the spec is there: %v", err)
	}
}
