package proxy

import (
	"slices"
	"testing"
)

func TestProxyEnv(t *testing.T) {
	env := []string{"HOME=/me", "SSH_AUTH_SOCK=/old", "SSH_ASKPASS=/other", "SSH_ASKPASS_REQUIRE=force"}
	if got := environ(env, "/agent"); !slices.Equal(got, []string{"HOME=/me", "SSH_AUTH_SOCK=/agent"}) {
		t.Errorf("%q", got)
	}
	if got := environ(env, ""); !slices.Equal(got, []string{"HOME=/me", "SSH_AUTH_SOCK=/old"}) {
		t.Errorf("%q", got)
	}
}
