//go:build long

package labtest

// Whole reports whether tests are to try every row of their tables.
const Whole = true
