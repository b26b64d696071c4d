// Package labtest makes a lab for a test. The test fails if the lab cannot be
// built, and the lab is closed when the test ends. The package also decides how
// much of a long table a test tries, writes programs for tests, and finds what
// a test left behind.
package labtest
