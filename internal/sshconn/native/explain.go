package native

import (
	"context"
	"errors"
	"reflect"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey"
)

// explain turns x/crypto's error into what happened.
func (d *dialer) explain(ctx context.Context, err error) error {
	if late := d.Overdue(); late != nil {
		return late
	}
	phase := d.Phase()
	if err := d.Refused(); err != nil {
		return err
	}
	var unsupported *sshconn.UnsupportedError
	var negotiation *ssh.AlgorithmNegotiationError
	if refusal := hostkey.Refusal(err); refusal != nil {
		return refusal
	}
	switch {
	case errors.As(err, &unsupported):
		return unsupported
	case errors.As(err, &negotiation):
		return &sshconn.AlgorithmError{What: negotiation.What, Theirs: sshconn.Few(negotiation.RequestedAlgorithms)}
	}
	said := disconnect(err)
	switch {
	case said != nil && phase == sshconn.PhaseAuth:
		return d.auth.Failure(said.Message, nil)
	case said != nil:
		return said
	case d.Stream.IsLost():
		return d.Lost(ctx, phase)
	}
	if why := d.auth.Explain(err); why != nil {
		return why
	}
	return &sshconn.ProtocolError{Phase: phase, Message: sshconn.Words(err.Error()), Begun: d.auth.Begun()}
}

// disconnect finds the server's SSH_MSG_DISCONNECT in err, nil if there is
// none. x/crypto does not export its type, but the fields are exported.
func disconnect(err error) *sshconn.DisconnectError {
	for ; err != nil; err = errors.Unwrap(err) {
		v := reflect.Indirect(reflect.ValueOf(err))
		if v.Kind() != reflect.Struct || v.Type().PkgPath() != "golang.org/x/crypto/ssh" || v.Type().Name() != "disconnectMsg" {
			continue
		}
		return &sshconn.DisconnectError{Reason: int(v.FieldByName("Reason").Uint()), Message: sshconn.Words(v.FieldByName("Message").String())}
	}
	return nil
}
