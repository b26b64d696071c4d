package labtest

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

// Rand returns numbers for a test that makes its cases by chance: others each
// time, or those of the seed in MOSHA_SEED. The seed is in the test's log.
func Rand(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("MOSHA_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("MOSHA_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
