//go:build linux && race

package lab

const raceEnabled = true

// raceAtOnce keeps a program with the race detector from sleeping for a second
// when it exits.
const raceAtOnce = "GORACE=atexit_sleep_ms=0"
