//go:build linux

package main

import (
	"slices"
	"time"
)

// sample is what was measured in one or more runs, in any order.
type sample []time.Duration

// quantile returns the value below which that fraction (0 to 1) of the sample
// lies, between two neighbours in proportion. The sample must not be empty.
func (s sample) quantile(fraction float64) time.Duration {
	sorted := slices.Sorted(slices.Values(s))
	position := fraction * float64(len(sorted)-1)
	below := int(position)
	above := min(below+1, len(sorted)-1)
	part := position - float64(below)
	return sorted[below] + time.Duration(part*float64(sorted[above]-sorted[below]))
}

func (s sample) median() time.Duration { return s.quantile(0.5) }

// verdict returns the words for a target that is held, or not.
func verdict(held bool) string {
	if held {
		return "held"
	}
	return "NOT HELD"
}
