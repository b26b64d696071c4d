package transport

import (
	"context"
	"errors"
	"math"
	"reflect"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/hostkey"
)

// Why a Dial failed: x/crypto's error, the limits and what the transport has seen
// are turned into the errors of this package.

func (d *dialer) timeout(phase string, limit time.Duration) *sshconn.TimeoutError {
	return &sshconn.TimeoutError{Host: d.cfg.HostName, Port: d.cfg.Port, Phase: phase, Seconds: int(math.Ceil(limit.Seconds()))}
}

// expired returns the limit that was exceeded, if one was.
func (d *dialer) expired() (time.Duration, bool) {
	if limit, expired := d.silence.watch.expiredAfter(); expired {
		return limit, true
	}
	return d.watch.expiredAfter()
}

// overdue is the *TimeoutError if a limit was exceeded, nil if not.
func (d *dialer) overdue() error {
	if limit, expired := d.expired(); expired {
		late := d.timeout(d.phase(), limit)
		late.Said = d.transport.instead()
		return late
	}
	return nil
}

// phase says how far the handshake got.
func (d *dialer) phase() string {
	if d.keys.Pinned() != nil || d.transport.kerberos() || d.leftToSSH() && d.transport.secured() {
		return sshconn.PhaseAuth
	}
	if banner, _, _ := d.transport.seen(); banner {
		return sshconn.PhaseKex
	}
	return sshconn.PhaseBanner
}

// explain turns x/crypto's error into what happened.
func (d *dialer) explain(ctx context.Context, err error) error {
	if late := d.overdue(); late != nil {
		return late
	}
	phase := d.phase()
	if err := d.proxy.Refused(); err != nil {
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
		return &sshconn.AlgorithmError{What: negotiation.What, Ours: negotiation.SupportedAlgorithms, Theirs: sshconn.Few(negotiation.RequestedAlgorithms)}
	}
	said := disconnect(err)
	switch {
	case said != nil && phase == sshconn.PhaseAuth:
		return d.auth.failure(said.Message, nil)
	case said != nil:
		return said
	case d.transport.lost():
		return d.lost(ctx, phase)
	case d.auth.person.refused != nil:
		return d.auth.person.refused
	case d.auth.exhausted:
		return d.auth.failure("", err)
	}
	return &sshconn.ProtocolError{Phase: phase, Message: sshconn.Words(err.Error()), Begun: d.auth.current != ""}
}

// lost explains the end of the stream: the proxy's failure if it has one.
func (d *dialer) lost(ctx context.Context, phase string) error {
	if err := d.proxy.Failure(ctx); err != nil {
		return err
	}
	return &sshconn.ClosedError{Host: d.cfg.HostName, Port: d.cfg.Port, Phase: phase, Said: d.transport.instead()}
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
