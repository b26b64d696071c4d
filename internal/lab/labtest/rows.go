package labtest

// Rows returns all rows of a table or, unless Whole, n that are spread
// over it.
func Rows[T any](n int, all []T) []T {
	if Whole || n >= len(all) {
		return all
	}
	some := make([]T, n)
	for i := range some {
		some[i] = all[i*len(all)/n]
	}
	return some
}

// Number returns how many of something to try: n or, unless Whole, few.
func Number(few, n int) int {
	if Whole {
		return n
	}
	return few
}
