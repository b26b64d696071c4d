//go:build !linux

package memory

// dropProgramPages is for Linux, where a process is charged for the pages of
// its program.
func dropProgramPages() {}
