package explain

import (
	"errors"
	"fmt"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// transport is about what carries the connection.
func transport(err error) Failure {
	var other *control.TransportError
	var master *sshconn.MasterError
	var path *sshconn.PathError
	var unsupported *sshconn.UnsupportedError
	var algorithm *sshconn.AlgorithmError
	switch {
	case errors.As(err, &other):
		return Failure{other.Error(), "end that first: mosha stop HOST", ExitHere}
	case errors.As(err, &master):
		return Failure{"OpenSSH could not connect: " + master.Message, "try it by itself: ssh HOST", ExitNetwork}
	case errors.As(err, &path):
		return Failure{path.Error(), "set XDG_RUNTIME_DIR to a shorter directory", ExitHere}
	case errors.As(err, &unsupported):
		return needsOpenSSH(unsupported)
	case errors.As(err, &algorithm) && len(algorithm.Theirs) == 0:
		message := fmt.Sprintf("the configuration allows no %s that the native transport has", algorithm.What)
		return Failure{message, "--transport=openssh", ExitNetwork}
	}
	return Failure{}
}

// needsOpenSSH is what only OpenSSH can do, where the native transport was asked
// for.
func needsOpenSSH(e *sshconn.UnsupportedError) Failure {
	const ofKey = "load the key into an agent with ssh-add, or --transport=openssh"
	f := Failure{e.Detail + " needs OpenSSH", "--transport=openssh", ExitAuth}
	switch e.Feature {
	case sshconn.FeatureFront:
		return Failure{"ssh is run by " + e.Detail + ", and the native transport would go past that", "--transport=openssh, or none", ExitUsage}
	case sshconn.FeatureOption:
		f.Code = ExitHostKey
	case sshconn.FeatureHostKey:
		f.Message, f.Code = "known_hosts has a key of the kind "+e.Detail+" for the host, which only OpenSSH can check", ExitHostKey
	case sshconn.FeatureSecurityKey:
		f.Message, f.Hint = e.Detail+" is a FIDO key, which only OpenSSH or an agent can use", ofKey
	case sshconn.FeatureKeyFile:
		f.Message, f.Hint = e.Detail+" has a key that only OpenSSH can read, if at all", ofKey
	case sshconn.FeaturePKCS11:
		f.Message, f.Hint = "the keys of "+e.Detail+" (PKCS11Provider) can be used only by OpenSSH or an agent", ofKey
	}
	return f
}
