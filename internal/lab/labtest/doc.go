// Package labtest makes a lab for a test: one that fails the test when it
// cannot be built, and that is closed when the test ends. It also says how
// much of a long table a test is to try, writes programs for tests, and finds what
// a test left behind.
package labtest
