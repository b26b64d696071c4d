package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/text"
	"github.com/mosha-ssh/mosha/internal/tty"
)

// remoteJob is work on the dotfiles of hosts: setting them up, or taking that
// back, or a preview of either.
type remoteJob struct {
	ssh, transport, family string
	undo, preview          bool
	names                  *sync.Map // from a destination's id to the host that was named first
}

// atOnce is how many hosts are worked on at the same time. Each takes a process
// here.
const atOnce = 8

// run does the job for all hosts, side by side, and says what became of each
// when it is done. One that fails does not keep it from the others; the exit
// code is that of the first of them. A signal ends it, and what was done by
// then is said.
func (j remoteJob) run(hosts []string) error {
	hosts, err := distinct(hosts)
	if err != nil {
		return err
	}
	j.names = &sync.Map{}
	stop := tty.NewInterruption()
	display := tty.NewProgress(len(hosts))
	defer display.Close()
	codes := slices.Repeat([]int{interrupted}, len(hosts))
	places := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, host := range hosts {
		select {
		case places <- struct{}{}:
		case <-stop.Done():
			continue
		}
		all.Go(func() {
			defer func() { <-places }()
			display.Begin(host, "connecting")
			who := personFor(host, len(hosts) > 1, stop)
			who.display = display
			report, err := j.work(stop, host, who)
			if err != nil && stop.Err() != nil {
				return
			}
			display.End(host, func() { codes[i] = j.tell(host, len(hosts) > 1, report, err) })
		})
	}
	all.Wait()
	display.Close()
	if len(hosts) > 1 {
		say("%s", tally(hosts, codes, j.done()))
	}
	stop.End()
	return firstOf(codes)
}

// distinct returns the hosts without repetitions. Flags go before them, since
// what follows the first is otherwise a command.
func distinct(hosts []string) ([]string, error) {
	var all []string
	for _, host := range hosts {
		switch {
		case strings.HasPrefix(host, "-"):
			return nil, explain.Usage("flags go before the first host, and no command is run: "+host, "")
		case !slices.Contains(all, host):
			all = append(all, host)
		}
	}
	return all, nil
}

// work does the job for one host.
func (j remoteJob) work(ctx context.Context, host string, who *person) (*control.SetupReport, error) {
	dest, err := find(ctx, j.ssh, host, who)
	if err != nil {
		return nil, err
	}
	if other, taken := j.names.LoadOrStore(dest.config.ID(), host); taken {
		return nil, &sameError{Host: other.(string)}
	}
	l, err := dest.open(ctx, j.family, control.Attach{Transport: j.transport})
	if err != nil {
		return nil, err
	}
	defer l.client.Close()
	notes := slices.DeleteFunc(l.up.Notes, func(n sshconn.Note) bool { return n.Kind == sshconn.NoteTyped }) // the connection is not to stay
	who.display.Is(host, "connected")
	who.note(notes)
	second, err := control.Connect(ctx, l.dirs, l.config.ID())
	if err != nil {
		return nil, err
	}
	defer second.Close()
	if j.undo {
		return second.Unset(j.preview)
	}
	return second.Setup(j.preview)
}

// sameError says that another name of the destination is worked on.
type sameError struct{ Host string }

func (e *sameError) Error() string { return "the same as " + e.Host }

// tell prints a line a file, of several hosts with the host's name, and says
// what failed. It returns the exit code.
func (j remoteJob) tell(host string, several bool, report *control.SetupReport, err error) int {
	name := ""
	if several {
		name = host + ": "
	}
	var same *sameError
	if errors.As(err, &same) {
		fmt.Println(text.Escape(name + same.Error()))
		return 0
	}
	if err == nil {
		for _, file := range report.Files {
			fmt.Println(text.Escape(name + explain.Outcome(file, j.preview)))
			_, _ = os.Stdout.Write(diffText(file.Diff))
		}
		if j.undo && len(report.Files) == 0 {
			fmt.Println(text.Escape(name + "nothing to take back"))
		}
		err = report.Err()
	}
	if err == nil {
		return 0
	}
	f := explain.Error(err)
	if j.undo {
		f = explain.Unset(err, host)
	}
	f.Message = name + f.Message
	return complain(&f)
}

// done is the word for a host that went well.
func (j remoteJob) done() string {
	switch {
	case j.preview:
		return "looked at"
	case j.undo:
		return "as before"
	}
	return "set up"
}

// diffText returns a diff as it may be printed: on a terminal the control
// characters of the remote's files would act.
func diffText(diff []byte) []byte {
	if !tty.Is(os.Stdout) {
		return diff
	}
	var b strings.Builder
	for line := range strings.Lines(string(diff)) {
		parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		for i, part := range parts {
			parts[i] = text.Escape(part)
		}
		b.WriteString(strings.Join(parts, "\t") + "\n")
	}
	return []byte(b.String())
}
