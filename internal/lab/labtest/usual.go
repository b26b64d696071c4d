//go:build !long

package labtest

// Whole reports whether tests are to try every row of their tables, as `make
// long` has them do, and not only those that stand for the others.
const Whole = false
