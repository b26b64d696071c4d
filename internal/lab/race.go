//go:build linux && race

package lab

const raceEnabled = true
