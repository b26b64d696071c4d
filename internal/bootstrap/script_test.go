package bootstrap

import (
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/homes"
)

// TestScriptsArePlain: what other systems do not have must not be used.
func TestScriptsArePlain(t *testing.T) {
	homes.Plain(t, "set-up", filesScript+undoScript+checkScript+ordersScript)
	homes.Plain(t, "env", envFile)
	homes.Plain(t, "rc", rcFile+rcAloneFile)
	homes.Plain(t, "profile", profileFile)
}
