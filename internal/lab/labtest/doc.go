// Package labtest makes a lab for a test: one that fails the test when it
// cannot be built, and that is closed when the test ends.
package labtest
