//go:build !linux

// Demo is for Linux only, as the lab whose sshd it runs.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "demo: it runs on Linux only")
	os.Exit(1)
}
