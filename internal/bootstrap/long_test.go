//go:build long

package bootstrap

import "testing"

func TestSetupOfOtherHomes(t *testing.T) { testCorpus(t, false) }

func TestUndoIsExactInOtherHomes(t *testing.T) { testUndoIsExact(t, 3, 40) }
