package keeper

import (
	"encoding/json"
	"os"
	"sync"
	"time"

	"github.com/google/renameio/v2"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/tunnel"
)

// saved is what a keeper goes by: what it was told when it was spawned, and what
// one that comes back after it was killed has to know beside that.
type saved struct {
	control.Spec

	Boot      string         `json:"boot,omitempty"` // of the machine, that it was saved in
	Kept      bool           `json:"kept,omitempty"`
	Linger    time.Duration  `json:"linger,omitempty"`
	Lingering time.Time      `json:"lingering,omitzero"` // until then, without a session
	Agents    []string       `json:"agents,omitempty"`
	Actor     bool           `json:"actor,omitempty"`
	Resumed   []time.Time    `json:"resumed,omitempty"` // lately
	Choice    sshconn.Choice `json:"choice,omitzero"`

	Tunnels []tunnel.Request `json:"tunnels,omitempty"`
}

// inherit takes over, from the spec that the previous keeper left, what a launch
// does not tell. There is one only if that keeper was killed. One of another boot
// counts for nothing.
func (s *saved) inherit(left saved, boot string) {
	if boot == "" || left.Boot != boot || left.ID() != s.ID() {
		return
	}
	s.Kept, s.Linger, s.Lingering = left.Kept, left.Linger, left.Lingering
	s.Agents, s.Actor, s.Choice = left.Agents, left.Actor, left.Choice
	s.Tunnels = left.Tunnels
}

// store is where the keeper saves what one needs that takes its place.
type store struct {
	path string

	mu      sync.Mutex // the newest state is saved last
	dropped bool       // nobody is to take this one's place
}

// save writes down what read returns.
func (s *store) save(read func() saved) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dropped {
		return nil
	}
	data, err := json.Marshal(read())
	if err != nil {
		return err
	}
	return renameio.WriteFile(s.path, data, 0o600)
}

// drop removes what was saved, for good: nobody takes the place of a keeper
// that was stopped, or that nobody needs.
func (s *store) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropped = true
	_ = os.Remove(s.path)
}

// maxSaved bounds what is read of a saved spec, in bytes.
const maxSaved = 2 << 20

// loadSpec reads what a store has saved.
func loadSpec(path string) (saved, error) {
	var s saved
	data, err := rundir.ReadFile(path, maxSaved)
	if err != nil {
		return s, err
	}
	err = json.Unmarshal(data, &s)
	if err == nil && s.Config == nil {
		err = control.ErrNoConfig
	}
	return s, err
}

const (
	// A keeper that was brought back maxResumes times within resumeWindow is
	// left dead: whatever kills it would do so for ever.
	maxResumes   = 5
	resumeWindow = time.Minute
)

// resumed notes that a keeper comes back now, and reports whether it may.
func (s *saved) resumed(now time.Time) bool {
	var recent []time.Time
	for _, t := range s.Resumed {
		if now.Sub(t) < resumeWindow {
			recent = append(recent, t)
		}
	}
	s.Resumed = append(recent, now)
	return len(s.Resumed) <= maxResumes
}
