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
	"github.com/mosha-ssh/mosha/internal/mosh"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/text"
	"github.com/mosha-ssh/mosha/internal/tty"
)

type unsetupCmd struct {
	sshFlag
	transportFlag
	DryRun bool     `help:"Say what would be taken back, with a diff, and change nothing."`
	Hosts  []string `arg:"" name:"host" placeholder:"[user@]host" help:"Destinations, as for ssh."`
}

// Run takes the set-up back.
func (c unsetupCmd) Run() error {
	job := remoteJob{ssh: c.SSH, transport: c.Transport, family: mosh.Flags{}.AddressFamily(), undo: true, preview: c.DryRun}
	return job.run(c.Hosts)
}

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

// run does the job for all hosts, side by side.
func (j remoteJob) run(hosts []string) error {
	hosts, err := distinct(hosts)
	if err != nil {
		return err
	}
	j.names = &sync.Map{}
	return each(hosts, j.done(), atOnce, j.forOne)
}

// distinct returns the hosts without repetitions. Flags go before them: what
// follows the first is otherwise a command.
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

// forOne does the job for one host, and prints a line a file.
func (j remoteJob) forOne(ctx context.Context, who *person) error {
	dest, err := find(ctx, j.ssh, who)
	if err == nil {
		if other, taken := j.names.LoadOrStore(dest.config.ID(), who.host); taken {
			who.aside(func() { fmt.Println(text.Escape(who.name + "the same as " + other.(string))) })
			return nil
		}
		err = j.work(ctx, dest)
	}
	if err == nil {
		return nil
	}
	f := explain.Error(err)
	if j.undo {
		f = explain.Unset(err, who.host)
	}
	f.Message = who.name + f.Message
	return &f
}

func (j remoteJob) work(ctx context.Context, dest *destination) error {
	l, err := dest.open(ctx, j.family, control.Attach{Transport: j.transport})
	if err != nil {
		return err
	}
	defer l.client.Close()
	notes := slices.DeleteFunc(l.up.Notes, func(n sshconn.Note) bool { return n.Kind == sshconn.NoteTyped }) // the connection is not to stay
	l.who.display.Is(l.who.host, "connected")
	l.who.note(notes)
	second, err := control.Connect(ctx, l.dirs, l.config.ID())
	if err != nil {
		return err
	}
	defer second.Close()
	report, err := second.Setup(j.undo, j.preview)
	if err != nil {
		return err
	}
	l.who.aside(func() { j.print(l.who.name, report) })
	return errors.Join(report.Failures...)
}

// print prints a line a file.
func (j remoteJob) print(name string, report *control.SetupReport) {
	for _, file := range report.Files {
		fmt.Println(text.Escape(name + explain.Outcome(file, j.preview)))
		_, _ = os.Stdout.Write(diffText(file.Diff))
	}
	if j.undo && len(report.Files) == 0 {
		fmt.Println(text.Escape(name + "nothing to take back"))
	}
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

// diffText is a diff to print: on a terminal the control characters of the
// remote's files would act.
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
