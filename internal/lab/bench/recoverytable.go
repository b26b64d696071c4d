//go:build linux

package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// The targets for every outage.
const (
	medianTarget = time.Second
	worstTarget  = 2 * time.Second
)

// recoveryTable prints a row as soon as it is measured.
type recoveryTable struct {
	w          io.Writer
	forwarders []*forwarder
	// The outages after which a target was not held.
	median, worst, slower []string
}

func newRecoveryTable(w io.Writer, forwarders []*forwarder) *recoveryTable {
	return &recoveryTable{w: w, forwarders: forwarders}
}

func (t *recoveryTable) begin(runs int) {
	fmt.Fprintf(t.w, "\nSeconds from an outage's end until the agent answers through the link again, at %d ms RTT: "+
		"median (min-max), runs: %d\n", recoveryRTT.Milliseconds(), runs)
	fmt.Fprintf(t.w, "\n%-31s", "")
	for _, f := range t.forwarders {
		fmt.Fprintf(t.w, " %22s", f.name)
	}
	fmt.Fprintln(t.w)
}

func (t *recoveryTable) row(name string, results []sample) {
	fmt.Fprintf(t.w, "%-31s", name)
	for _, s := range results {
		text := fmt.Sprintf("%s (%s-%s)", seconds(s.median()), seconds(s.quantile(0)), seconds(s.quantile(1)))
		fmt.Fprintf(t.w, " %22s", text)
	}
	fmt.Fprintln(t.w)
	mosha := results[moshaForwards]
	if mosha.median() > medianTarget {
		t.median = append(t.median, name)
	}
	if mosha.quantile(1) > worstTarget {
		t.worst = append(t.worst, name)
	}
	if mosha.median() > min(results[slowAutossh].median(), results[fastAutossh].median()) {
		t.slower = append(t.slower, name)
	}
}

func (t *recoveryTable) end() {
	t.target("median at most 1.0 s", t.median)
	t.target("worst at most 2.0 s", t.worst)
	t.target("no slower than either autossh, by medians", t.slower)
}

func (t *recoveryTable) target(name string, missed []string) {
	fmt.Fprintf(t.w, "%s: %s", name, verdict(len(missed) == 0))
	if len(missed) > 0 {
		fmt.Fprintf(t.w, " (%s)", strings.Join(missed, "; "))
	}
	fmt.Fprintln(t.w)
}

// seconds writes a time that was measured.
func seconds(d time.Duration) string {
	if d >= recoveryLimit {
		return fmt.Sprintf(">%.0f", recoveryLimit.Seconds())
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 2, 64)
}
