package keeper

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/google/renameio/v2"

	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// Spec is what a keeper is told when it is spawned, as JSON on its stdin.
type Spec struct {
	Dirs   rundir.Dirs       `json:"dirs"`
	Config *sshconfig.Config `json:"config"`
	Family string            `json:"family"` // mosh's word for the address family

	// What a keeper that comes back after it was killed has to know.
	Boot      string         `json:"boot,omitempty"` // of the machine, that it was saved in
	Kept      bool           `json:"kept,omitempty"`
	Linger    time.Duration  `json:"linger,omitempty"`
	Lingering time.Time      `json:"lingering,omitzero"` // until then, without a session
	Agents    []string       `json:"agents,omitempty"`
	Actor     bool           `json:"actor,omitempty"`
	Resumed   []time.Time    `json:"resumed,omitempty"` // lately
	Choice    sshconn.Choice `json:"choice,omitzero"`
}

// ID names the destination, and with it the keeper.
func (s Spec) ID() string { return s.Config.ID() }

// inherit takes over what the keeper before was told that a launch does not
// say, from the spec that it left: it was killed, else there is none. One of
// another boot than this counts for nothing.
func (s *Spec) inherit(left Spec, boot string) {
	if boot == "" || left.Boot != boot || left.ID() != s.ID() {
		return
	}
	s.Kept, s.Linger, s.Lingering = left.Kept, left.Linger, left.Lingering
	s.Agents, s.Actor, s.Choice = left.Agents, left.Actor, left.Choice
}

// save writes the spec for a keeper that is to resume from it.
func (s Spec) save(path string) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return renameio.WriteFile(path, data, 0o600)
}

// errNoConfig says that a spec does not say what it is for.
var errNoConfig = errors.New("no configuration in the spec")

// maxSaved bounds what is read of a saved spec, in bytes: a Spec and what it has got.
const maxSaved = 2 * maxSpec

// loadSpec reads what save has written.
func loadSpec(path string) (Spec, error) {
	var s Spec
	data, err := rundir.ReadFile(path, maxSaved)
	if err != nil {
		return s, err
	}
	err = json.Unmarshal(data, &s)
	if err == nil && s.Config == nil {
		err = errNoConfig
	}
	return s, err
}

const (
	// A keeper that was brought back maxResumes times within resumeWindow is
	// left dead: whatever kills it would do so for ever.
	maxResumes   = 5
	resumeWindow = time.Minute
)

// resumed notes that a keeper comes back now, and says whether it may.
func (s *Spec) resumed(now time.Time) bool {
	var recent []time.Time
	for _, t := range s.Resumed {
		if now.Sub(t) < resumeWindow {
			recent = append(recent, t)
		}
	}
	s.Resumed = append(recent, now)
	return len(s.Resumed) <= maxResumes
}
