// Command hello prints a word, for the test of building programs.
package main

import "os"

func main() { os.Stdout.WriteString("hello\n") }
