package explain

import (
	"errors"
	"fmt"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// transport is about what carries the connection.
func transport(err error) (Failure, bool) {
	var other *control.TransportError
	var master *sshconn.MasterError
	var path *sshconn.PathError
	var unsupported *sshconn.UnsupportedError
	var algorithm *sshconn.AlgorithmError
	switch {
	case errors.As(err, &other):
		return Failure{other.Error(), "end that first: mosha stop HOST", ExitHere}, true
	case errors.As(err, &master):
		return Failure{"OpenSSH could not connect: " + master.Message, "try it by itself: ssh HOST", ExitNetwork}, true
	case errors.As(err, &path):
		return Failure{path.Error(), "set XDG_RUNTIME_DIR to a shorter directory", ExitHere}, true
	case errors.As(err, &unsupported) && unsupported.Feature == sshconn.FeatureFront:
		message := "ssh is run by " + unsupported.Detail + ", and the native transport would go past that"
		return Failure{message, "--transport=openssh, or none", ExitUsage}, true
	case errors.As(err, &unsupported):
		return Failure{unsupportedWords(unsupported), unsupportedHint(unsupported), unsupportedCode(unsupported)}, true
	case errors.As(err, &algorithm) && len(algorithm.Theirs) == 0:
		message := fmt.Sprintf("the configuration allows no %s that the native transport has", algorithm.What)
		return Failure{message, "--transport=openssh", ExitNetwork}, true
	}
	return Failure{}, false
}

func unsupportedWords(e *sshconn.UnsupportedError) string {
	switch e.Feature {
	case sshconn.FeatureHostKey:
		return "known_hosts has a key of the kind " + e.Detail + " for the host, which only OpenSSH can check"
	case sshconn.FeatureSecurityKey:
		return e.Detail + " is a FIDO key, which only OpenSSH or an agent can use"
	case sshconn.FeatureKeyFile:
		return e.Detail + " has a key that only OpenSSH can read, if at all"
	case sshconn.FeaturePKCS11:
		return "the keys of " + e.Detail + " (PKCS11Provider) can be used only by OpenSSH or an agent"
	}
	return e.Detail + " needs OpenSSH"
}

func unsupportedCode(e *sshconn.UnsupportedError) int {
	if e.Feature == sshconn.FeatureHostKey || e.Feature == sshconn.FeatureOption {
		return ExitHostKey
	}
	return ExitAuth
}

func unsupportedHint(e *sshconn.UnsupportedError) string {
	switch e.Feature {
	case sshconn.FeatureSecurityKey, sshconn.FeaturePKCS11, sshconn.FeatureKeyFile:
		return "load the key into an agent with ssh-add, or --transport=openssh"
	}
	return "--transport=openssh"
}
