// Package tty is the terminal: it asks, reads what is typed, goes by signals
// while it does, and draws tables and progress. It knows neither what it asks nor
// for whom.
package tty
