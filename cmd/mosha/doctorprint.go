package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/mosha-ssh/mosha/internal/doctor"
	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/text"
	"github.com/mosha-ssh/mosha/internal/tty"
)

// printer prints checks for a person, or as JSON.
func (d *doctorCmd) printer() *diagnosis {
	all := &diagnosis{}
	if d.JSON {
		out := json.NewEncoder(os.Stdout)
		all.print = func(c doctor.Check, a explain.Failure) {
			if c.Name != "" {
				_ = out.Encode(checkJSON(c, a))
			}
		}
		return all
	}
	list := newChecklist(tty.Is(os.Stdout) && os.Getenv("NO_COLOR") == "")
	all.print = func(c doctor.Check, a explain.Failure) {
		if c.Name == "" {
			fmt.Print(list.last(all.verdict()))
			return
		}
		fmt.Print(list.lines(c, a))
	}
	return all
}

// jsonCheck is a check as "mosha doctor --json" prints it. Fields keep their
// names and meanings; new ones may come.
type jsonCheck struct {
	Check string            `json:"check"`
	Where doctor.Place      `json:"where"`
	State doctor.State      `json:"state"`
	Cause string            `json:"cause,omitempty"`
	Cure  string            `json:"cure,omitempty"`
	Facts map[string]string `json:"facts,omitempty"`
}

func checkJSON(c doctor.Check, a explain.Failure) jsonCheck {
	j := jsonCheck{Check: c.Name, Where: c.Place, State: c.State, Cause: a.Message, Cure: a.Hint, Facts: map[string]string{}}
	for name, fact := range c.Facts {
		if fact != "" {
			j.Facts[name] = fact
		}
	}
	return j
}

// checklist makes lines of checks, in sections by place.
type checklist struct {
	marks   map[doctor.State]string
	section doctor.Place
	unseen  []string // what was not looked at, as something before it failed
}

var (
	plainMarks = map[doctor.State]string{doctor.OK: "ok  ", doctor.Warn: "warn", doctor.Fail: "FAIL", doctor.Skip: "-   "}
	colours    = map[doctor.State]string{doctor.OK: "\x1b[32m", doctor.Warn: "\x1b[33m", doctor.Fail: "\x1b[31m", doctor.Skip: "\x1b[2m"}
)

// newChecklist returns one for a terminal that shows colours, or for anything.
func newChecklist(colour bool) *checklist {
	list := &checklist{marks: plainMarks}
	if colour {
		list.marks = map[doctor.State]string{}
		for state, mark := range plainMarks {
			list.marks[state] = colours[state] + mark + "\x1b[0m"
		}
	}
	return list
}

// lines are what is printed of a check.
func (l *checklist) lines(c doctor.Check, a explain.Failure) string {
	if c.Problem != nil && c.Problem.Kind == doctor.NotReached {
		l.unseen = append(l.unseen, explain.Label(c.Name))
		return ""
	}
	var b strings.Builder
	if l.section != c.Place {
		if l.section != "" {
			b.WriteString("\n")
		}
		fmt.Fprintln(&b, headings[c.Place])
		l.section = c.Place
	}
	words := a.Message
	if c.State == doctor.OK {
		words = explain.Seen(c)
	}
	line := fmt.Sprintf("  %s  %-13s  %s", l.marks[c.State], explain.Label(c.Name), text.Escape(words))
	fmt.Fprintln(&b, strings.TrimRight(line, " "))
	if a.Hint != "" {
		fmt.Fprintf(&b, "%23s%s\n", "", text.Escape("-> "+a.Hint))
	}
	return b.String()
}

// last is what is printed below all checks.
func (l *checklist) last(verdict string) string {
	if len(l.unseen) == 0 {
		return "\n" + verdict + "\n"
	}
	return fmt.Sprintf("\nnot looked at: %s\n%s\n", strings.Join(l.unseen, ", "), verdict)
}

var headings = map[doctor.Place]string{doctor.Here: "here", doctor.Between: "between", doctor.There: "there"}
