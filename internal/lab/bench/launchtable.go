//go:build linux

package main

import (
	"fmt"
	"io"
	"time"
)

func printLaunches(w io.Writer, rtt time.Duration, launchers []*launcher, results []sample) {
	fmt.Fprintf(w, "\n%-27s %8s %8s %15s %15s\n", fmt.Sprintf("RTT %d ms", rtt.Milliseconds()), "median", "x mosh", "quartiles", "min-max")
	mosh := results[plainMosh].median()
	for i, l := range launchers {
		s := results[i]
		fmt.Fprintf(w, "%-27s %8d %8.2f %15s %15s\n", l.name, s.median().Milliseconds(), ratio(s.median(), mosh),
			between(s.quantile(0.25), s.quantile(0.75)), between(s.quantile(0), s.quantile(1)))
	}
	for _, t := range []struct {
		name          string
		it, reference int
	}{
		{"cold no slower than mosh", moshaCold, plainMosh},
		{"cold with first set-up no slower than mosh", moshaFirst, plainMosh},
		{"keeper up no slower than ControlMaster", moshaUp, overMaster},
	} {
		it, reference := results[t.it].median(), results[t.reference].median()
		fmt.Fprintf(w, "%s: %s (%.2f times)\n", t.name, verdict(it <= reference), ratio(it, reference))
	}
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

func between(low, high time.Duration) string {
	return fmt.Sprintf("%d-%d", low.Milliseconds(), high.Milliseconds())
}
