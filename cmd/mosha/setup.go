package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/mosha-ssh/mosha/internal/keeper"
	"github.com/mosha-ssh/mosha/internal/sshconn"
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
// code is that of the first of them.
func (j remoteJob) run(hosts []string) error {
	hosts, err := distinct(hosts)
	if err != nil {
		return err
	}
	j.names = &sync.Map{}
	p := newProgress(len(hosts))
	defer p.close()
	codes := make([]int, len(hosts))
	places := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, host := range hosts {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			p.begin(host)
			report, err := j.work(context.Background(), host, p)
			p.end(host, func() { codes[i] = j.tell(host, len(hosts) > 1, report, err) })
		})
	}
	all.Wait()
	p.close()
	if len(hosts) > 1 {
		say("%s", j.summary(hosts, codes))
	}
	for _, code := range codes {
		if code != 0 {
			return &exitError{Code: code}
		}
	}
	return nil
}

// distinct returns the hosts without repetitions. Flags go before them, since
// what follows the first is otherwise a command.
func distinct(hosts []string) ([]string, error) {
	var all []string
	for _, host := range hosts {
		switch {
		case strings.HasPrefix(host, "-"):
			return nil, &usageError{Text: "flags go before the first host, and no command is run: " + host}
		case !slices.Contains(all, host):
			all = append(all, host)
		}
	}
	return all, nil
}

// work does the job for one host.
func (j remoteJob) work(ctx context.Context, host string, p *progress) (*keeper.SetupReport, error) {
	dest, err := find(ctx, j.ssh, host)
	if err != nil {
		return nil, err
	}
	if other, taken := j.names.LoadOrStore(dest.config.ID(), host); taken {
		return nil, &sameError{Host: other.(string)}
	}
	dest.person = p
	l, err := dest.open(ctx, j.family, keeper.Attach{Transport: j.transport})
	if err != nil {
		return nil, err
	}
	defer l.client.Close()
	notes := slices.DeleteFunc(l.up.Notes, func(n sshconn.Note) bool { return n.Kind == sshconn.NoteTyped }) // the connection is not to stay
	p.connected(host)
	p.note(notes)
	second, err := keeper.Connect(ctx, l.spec.Dirs, l.spec.ID())
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
func (j remoteJob) tell(host string, several bool, report *keeper.SetupReport, err error) int {
	name := ""
	if several {
		name = host + ": "
	}
	var same *sameError
	if errors.As(err, &same) {
		fmt.Println(printable(name + same.Error()))
		return 0
	}
	if err == nil {
		for _, file := range report.Files {
			fmt.Println(printable(name + outcomeLine(file, j.preview)))
			_, _ = os.Stdout.Write(diffText(file.Diff))
		}
		if j.undo && len(report.Files) == 0 {
			fmt.Println(printable(name + "nothing to take back"))
		}
		err = report.Err()
	}
	if err == nil {
		return 0
	}
	return complain(&hostError{Name: name, Host: host, Undo: j.undo, Err: err})
}

// summary says how many hosts went well, and which did not.
func (j remoteJob) summary(hosts []string, codes []int) string {
	var failed []string
	for i, code := range codes {
		if code != 0 {
			failed = append(failed, hosts[i])
		}
	}
	done := "set up"
	switch {
	case j.preview:
		done = "looked at"
	case j.undo:
		done = "as before"
	}
	s := fmt.Sprintf("%d hosts: %d %s", len(hosts), len(hosts)-len(failed), done)
	if len(failed) > 0 {
		s += fmt.Sprintf(", %d failed (%s)", len(failed), strings.Join(failed, ", "))
	}
	return s
}

// diffText returns a diff as it may be printed: on a terminal the control
// characters of the remote's files would act.
func diffText(diff []byte) []byte {
	if !isTerminal(os.Stdout) {
		return diff
	}
	var b strings.Builder
	for line := range strings.Lines(string(diff)) {
		parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		for i, part := range parts {
			parts[i] = printable(part)
		}
		b.WriteString(strings.Join(parts, "\t") + "\n")
	}
	return []byte(b.String())
}
