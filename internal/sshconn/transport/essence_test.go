//go:build linux

package transport

import (
	"errors"
	"fmt"

	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// essence is what an error means to those who get it: its type and its fields,
// without what a transport may word in its own way.
func essence(err error) string {
	var key *sshconn.HostKeyError
	var auth *sshconn.AuthError
	var algorithm *sshconn.AlgorithmError
	var proxy *sshconn.ProxyError
	switch {
	case errors.As(err, &key):
		return fmt.Sprintf("%T%+v", err, *key)
	case errors.As(err, &auth):
		tried := ""
		for _, k := range auth.Tried {
			tried += fmt.Sprintf(" %s %s %v", k.Fingerprint, k.Source, k.FromAgent)
		}
		return fmt.Sprintf("%T %s %s %q tried%s disconnected %v", err, auth.User, auth.Host, auth.Methods, tried, auth.Disconnect != "")
	case errors.As(err, &algorithm):
		return fmt.Sprintf("%T %s %q", err, algorithm.What[max(len(algorithm.What)-6, 0):], algorithm.Theirs)
	case errors.As(err, &proxy):
		return fmt.Sprintf("%T %d %s", err, proxy.Status, proxy.Message)
	}
	return fmt.Sprintf("%T %v", err, err)
}
