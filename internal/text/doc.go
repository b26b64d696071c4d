// Package text makes the bytes of other programs and machines fit to keep, to
// compare and to show. It knows nothing of where they come from.
package text
