//go:build !linux

// Bench is for Linux only, as the lab in which it measures.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: it runs on Linux only")
	os.Exit(1)
}
