package bootstrap

import (
	"bytes"
	"context"
	"slices"

	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// Action is what became of a file.
type Action string

// The actions of a FileResult.
const (
	InPlace  Action = "in place" // it had what it needs and was not touched
	Created  Action = "created"  // it was missing
	Changed  Action = "changed"  // a block was put into it or replaced
	Restored Action = "restored" // the block was taken out of it
	Removed  Action = "removed"  // it had nothing but the block, or it is the link
	Skipped  Action = "skipped"  // it was left alone; Cause says why
	Failed   Action = "failed"   // it could not be written and is as it was; Cause says why
)

// A FileResult is what became of one file, or in a preview what would.
type FileResult struct {
	Path   string // as in ~/.ssh/rc or $ZDOTDIR/.zshenv
	Action Action
	Cause  *FileError // nil unless Action is Skipped or Failed
	Diff   []byte     // of a preview: the change in diff's unified format, bounded, its bytes as they are
}

// A Report has one result for every file that the task is about. In a set-up's,
// ~/.ssh/rc is the first.
type Report struct {
	Files []FileResult
}

// maxRounds is how often a task tries a file that changes meanwhile.
const maxRounds = 3

// Setup puts our blocks into the remote's dotfiles. A file that it cannot write
// is a row of the report, not an error. The error is a *remotesh.Error or what
// the runner returned; a *remotesh.Error of kind Interrupted wraps the
// context's cause. Two set-ups may run at once: Setup replaces a file only if
// it still is what was listed, and only by a complete one.
func Setup(ctx context.Context, r remotesh.Runner) (Report, error) { return settingUp.run(ctx, r) }

// PreviewSetup writes nothing. It reports what Setup would do, with a diff of
// each file.
func PreviewSetup(ctx context.Context, r remotesh.Runner) (Report, error) {
	return previewSetup.run(ctx, r)
}

// run carries a task out over one shell.
func (t task) run(ctx context.Context, r remotesh.Runner) (Report, error) {
	report, err := t.converse(ctx, r)
	if err != nil && ctx.Err() != nil {
		return Report{}, &remotesh.Error{Kind: remotesh.Interrupted, Err: context.Cause(ctx)}
	}
	return report, err
}

func (t task) converse(ctx context.Context, r remotesh.Runner) (Report, error) {
	shell, err := r.Shell(ctx)
	if err != nil {
		return Report{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = shell.Close() })
	defer stop()
	defer shell.Close()

	s := &remote{task: t, shell: shell, out: remotesh.NewReader(shell)}
	if err := remotesh.Start(shell, s.out, t.script(), setupMarker); err != nil {
		return Report{}, err
	}
	var report Report
	for round := 1; ; round++ {
		h, err := readHome(s.out)
		if err != nil {
			return Report{}, err
		}
		again, results, err := s.carryOut(s.plan(h))
		if err != nil {
			return Report{}, err
		}
		report.merge(results)
		next := "quit\n"
		if again && round < maxRounds {
			next = "list\n"
		}
		// The files are written, even if the connection ends here.
		if _, err := shell.Write([]byte(next)); err != nil || next == "quit\n" {
			return report, nil
		}
	}
}

// carryOut sends the orders for all steps at once and reads the answers. again
// is true if a file had changed meanwhile.
func (s *remote) carryOut(steps []step) (again bool, results []FileResult, err error) {
	var orders bytes.Buffer
	for _, st := range steps {
		if s.asks(st) {
			orders.Write(s.order(st))
		}
	}
	if orders.Len() > 0 {
		if err := remotesh.Send(s.shell, orders.Bytes()); err != nil {
			return false, nil, err
		}
	}
	for _, st := range steps {
		out := outcome{reason: st.reason, detail: st.detail}
		if s.asks(st) {
			if out, err = readOutcome(s.out, st.name); err != nil {
				return false, nil, err
			}
		}
		again = again || out.changed
		results = append(results, s.result(st, out))
	}
	return again, results, nil
}

// asks reports whether there is an order for a step. A preview has none for the
// link: whether it could be removed shows with the files beside it.
func (t task) asks(s step) bool { return s.writes() && (!t.preview || s.name != remotesh.LinkPath) }

// result returns what became of a file.
func (t task) result(s step, out outcome) FileResult {
	r := FileResult{Path: shown(s.name), Action: s.action}
	if out.changed {
		out.reason = Busy
	}
	if out.reason != "" {
		r.Action = out.reason.action()
		r.Cause = &FileError{Path: r.Path, Reason: out.reason, Detail: out.detail}
	} else if t.preview && s.writes() {
		r.Diff = s.diff()
	}
	return r
}

// action returns what a reason makes of a file: Skipped or Failed.
func (r Reason) action() Action {
	switch r {
	case ReadOnly, Full, Quota, Denied, Busy, WriteError:
		return Failed
	}
	return Skipped
}

// merge adds the results of a further round. What an earlier round wrote counts
// as written, though a later one finds it in place, or nothing to take back.
func (r *Report) merge(results []FileResult) {
	for _, earlier := range r.Files {
		if earlier.Cause != nil || earlier.Action == InPlace {
			continue
		}
		at := slices.IndexFunc(results, func(f FileResult) bool { return f.Path == earlier.Path })
		if at < 0 {
			results = append(results, earlier)
		} else if results[at].Action == InPlace {
			results[at] = earlier
		}
	}
	r.Files = results
}
