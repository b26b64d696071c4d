package bootstrap

import (
	"bytes"
	"context"
)

// Action is what became of a file.
type Action int

// The actions of a FileResult.
const (
	InPlace Action = iota + 1 // it had what it needs and was not touched
	Created                   // it was missing
	Changed                   // a block was put into it or replaced
	Skipped                   // it was left alone; Cause says why
	Failed                    // it could not be written and is as it was; Cause says why
)

var actions = [...]string{
	InPlace: "in place", Created: "created", Changed: "changed", Skipped: "skipped", Failed: "failed",
}

func (a Action) String() string { return name(actions[:], int(a)) }

// A FileResult says what became of one file.
type FileResult struct {
	Path   string // as in ~/.ssh/rc
	Action Action
	Cause  error // a *FileError if Action is Skipped or Failed, else nil
}

// A Report has one result for every file that the remote needs, ~/.ssh/rc
// first. Files that set-up has no business with do not appear.
type Report struct {
	Files []FileResult
}

// maxRounds is how often a file is tried that changes while it is written.
const maxRounds = 3

// Setup puts our blocks into the remote's dotfiles. A file that cannot be
// written is a row of the report, not an error. The error is a *RemoteError or
// what the Runner returned; a *RemoteError of kind Interrupted wraps the
// context's cause. Two set-ups may run at once: a file is replaced only if it
// still is what was read, and only by a complete one.
func Setup(ctx context.Context, r Runner) (Report, error) {
	report, err := setup(ctx, r)
	if err != nil && ctx.Err() != nil {
		return Report{}, &RemoteError{Kind: Interrupted, Err: context.Cause(ctx)}
	}
	return report, err
}

func setup(ctx context.Context, r Runner) (Report, error) {
	shell, err := r.Shell(ctx)
	if err != nil {
		return Report{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = shell.Close() })
	defer stop()
	defer shell.Close()

	s := &remote{shell: shell, out: newReader(shell)}
	if err := s.start(); err != nil {
		return Report{}, err
	}
	var report Report
	for round := 1; ; round++ {
		h, err := readHome(s.out)
		if err != nil {
			return Report{}, err
		}
		again, results, err := s.carryOut(plan(h))
		if err != nil {
			return Report{}, err
		}
		report.merge(results)
		next := "quit\n"
		if again && round < maxRounds {
			next = "list\n"
		}
		// What is done is done, even if the connection ends here.
		if _, err := shell.Write([]byte(next)); err != nil || next == "quit\n" {
			return report, nil
		}
	}
}

// carryOut gives the orders for all steps at once and reads the answers. again
// says that a file had changed meanwhile.
func (s *remote) carryOut(steps []step) (again bool, results []FileResult, err error) {
	var orders bytes.Buffer
	for _, st := range steps {
		if st.action == Created || st.action == Changed {
			orders.Write(order(st))
		}
	}
	if orders.Len() > 0 {
		if _, err := s.shell.Write(orders.Bytes()); err != nil {
			return false, nil, &RemoteError{Kind: Ended, Err: lost(err)}
		}
	}
	for _, st := range steps {
		result := FileResult{Path: "~/" + st.name, Action: st.action}
		out := outcome{reason: st.reason}
		if st.action == Created || st.action == Changed {
			if out, err = readOutcome(s.out, st.name); err != nil {
				return false, nil, err
			}
		}
		if out.changed {
			again, out.reason = true, Busy
		}
		if out.reason != 0 {
			result.Action = out.reason.action()
			result.Cause = &FileError{Path: result.Path, Reason: out.reason, Detail: out.detail}
		}
		results = append(results, result)
	}
	return again, results, nil
}

// action returns what a reason makes of a file: left alone, or failed.
func (r Reason) action() Action {
	if r < ReadOnly {
		return Skipped
	}
	return Failed
}

// merge adds the results of a further round. What an earlier round wrote
// stays written, though a later one finds it in place.
func (r *Report) merge(results []FileResult) {
	for i, result := range results {
		for _, earlier := range r.Files {
			wrote := earlier.Action == Created || earlier.Action == Changed
			if earlier.Path == result.Path && wrote && result.Action == InPlace {
				results[i] = earlier
			}
		}
	}
	r.Files = results
}
