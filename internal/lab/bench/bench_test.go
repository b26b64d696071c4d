//go:build linux

package main

import (
	"bytes"
	"regexp"
	"testing"
	"time"
)

// measured runs the benchmark and returns its output. Tests look for figures,
// not at them.
func measured(t *testing.T, opts options) string {
	t.Helper()
	var out bytes.Buffer
	if err := run(t.Context(), opts, &out); err != nil {
		t.Fatalf("%v; printed:\n%s", err, out.String())
	}
	t.Log(out.String())
	return out.String()
}

func expect(t *testing.T, output string, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		if !regexp.MustCompile("(?m)^" + pattern).MatchString(output) {
			t.Errorf("no line like %s in\n%s", pattern, output)
		}
	}
}

func TestLaunch(t *testing.T) {
	t.Parallel()
	out := measured(t, options{tables: []string{"launch"}, runs: 1, rtts: []time.Duration{0}})
	const figures = ` +[1-9]\d* +\d+\.\d\d +\d+-\d+ +\d+-\d+$`
	expect(t, out,
		`RTT 0 ms`,
		`mosh`+figures,
		`mosh, ControlMaster open`+figures,
		`mosha, cold`+figures,
		`mosha, cold, first set-up`+figures,
		`mosha, keeper up`+figures,
		`cold no slower than mosh: (held|NOT HELD) \(\d+\.\d\d times\)$`,
		`cold with first set-up no slower than mosh: (held|NOT HELD)`,
		`keeper up no slower than ControlMaster: (held|NOT HELD)`,
	)
}

func TestRecovery(t *testing.T) {
	t.Parallel()
	outages, err := parseOutages("sshd,blackhole=200ms")
	if err != nil {
		t.Fatal(err)
	}
	out := measured(t, options{tables: []string{"recovery"}, runs: 1, outages: outages})
	const figures = `( +\d+\.\d\d \(\d+\.\d\d-\d+\.\d\d\)){3}$`
	expect(t, out,
		`This takes about `,
		` +mosha +autossh 15/3 +autossh 1/2$`,
		`server's sshd killed`+figures,
		`blackhole of 0.2 s`+figures,
		`median at most 1.0 s: (held|NOT HELD)`,
		`worst at most 2.0 s: (held|NOT HELD)`,
		`no slower than either autossh, by medians: (held|NOT HELD)`,
	)
}

func TestIdle(t *testing.T) {
	t.Parallel()
	out := measured(t, options{tables: []string{"idle"}, idle: 100 * time.Millisecond, reconnects: 1})
	const figures = ` +\d+\.\d\d +\d+\.\d$`
	expect(t, out,
		`mosha`+figures,
		`mosha, after 1 reconnects`+figures,
		`autossh 15/3`+figures,
		`autossh 1/2`+figures,
		`at most 8 MB: (held|NOT HELD)$`,
		`at most 10 ms of CPU a minute: (held|NOT HELD)$`,
	)
}

func TestQuantile(t *testing.T) {
	for _, c := range []struct {
		sample   sample
		fraction float64
		want     time.Duration
	}{
		{sample{7}, 0.5, 7},
		{sample{30, 10, 20}, 0.5, 20},
		{sample{40, 10, 30, 20}, 0.5, 25},
		{sample{40, 10, 30, 20, 50}, 0.25, 20},
		{sample{40, 10, 30, 20}, 0, 10},
		{sample{40, 10, 30, 20}, 1, 40},
	} {
		if got := c.sample.quantile(c.fraction); got != c.want {
			t.Errorf("%v at %v: %v, want %v", c.sample, c.fraction, got, c.want)
		}
	}
}
