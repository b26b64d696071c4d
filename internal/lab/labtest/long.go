//go:build long

package labtest

// Whole reports whether tests try every row of their tables.
const Whole = true
