package labtest

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// usualSeed makes a test's cases the same each time, so that a failure comes
// from the change at hand.
const usualSeed = 1

// Rand returns numbers for a test that makes its cases by chance: the same each
// time, or those of the seed in MOSHA_SEED, or others each time if that is
// "random". It logs the seed.
func Rand(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(usualSeed)
	switch text := os.Getenv("MOSHA_SEED"); text {
	case "":
	case "random":
		seed = rand.Uint64()
	default:
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("MOSHA_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
