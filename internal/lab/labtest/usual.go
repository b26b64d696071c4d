//go:build !long

package labtest

// Whole reports whether tests try every row of their tables, as in `make long`,
// or only those that stand for the others.
const Whole = false
