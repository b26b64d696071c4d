// Package child runs other programs: it ends them with all that they started, and
// keeps, bounds and shows what they write to stderr.
package child
