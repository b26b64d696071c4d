package sshconn

import (
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

func TestErrors(t *testing.T) {
	for _, err := range []error{
		&ResolveError{Host: "h", Message: "no such host"},
		&ConnectError{Host: "h", Port: 22, Address: "1.2.3.4:22", Cause: CauseRefused, Message: "connection refused"},
		&TimeoutError{Host: "h", Port: 22, Phase: PhaseBanner, Seconds: 10},
		&ClosedError{Host: "h", Port: 22, Phase: PhaseKex},
		&ProxyError{Command: "nc", Status: 1, Message: "nc: no route"},
		&ProxyError{Command: "nc", Status: 1},
		&DisconnectError{Reason: 2, Message: "Too many"},
		&ProtocolError{Phase: PhaseBanner, Message: "not SSH"},
		&AlgorithmError{What: "key exchange", Theirs: []string{"b"}},
		&HostKeyError{Problem: KeyChanged, Host: "h", KeyType: "RSA", File: "f", Line: 3},
		&HostKeyError{Problem: KeyCertificate, Host: "h", CertProblem: "expired"},
		&HostKeyError{Problem: KeyUnknown, Host: "h"},
		&HostKeyError{Problem: KeyChanged, Host: "h", KeyType: "RSA"},
		&AuthError{User: "u", Host: "h", Methods: []string{"publickey"}, Tried: []TriedKey{{Type: "t"}}, Skipped: []SkippedKey{{File: "f"}}},
	} {
		labtest.AsJSON(t, err)
		if text := err.Error(); text == "" || strings.Contains(text, "\n") {
			t.Errorf("%T reads %q", err, text)
		}
	}
}
