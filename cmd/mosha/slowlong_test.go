//go:build linux && long

package main_test

import (
	"testing"
	"time"
)

// TestSlowSessionSteps are quicker and much slower ones.
func TestSlowSessionSteps(t *testing.T) {
	t.Parallel()
	for _, takes := range []time.Duration{8 * time.Second, 25 * time.Second, 40 * time.Second} {
		t.Run(takes.String(), func(t *testing.T) {
			t.Parallel()
			testSlowSessionStep(t, takes)
		})
	}
}
