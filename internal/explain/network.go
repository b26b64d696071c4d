package explain

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mosha-ssh/mosha/internal/mosh"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// network is about the way to the server.
func network(err error) Failure {
	var resolve *sshconn.ResolveError
	var connect *sshconn.ConnectError
	var timeout *sshconn.TimeoutError
	var closed *sshconn.ClosedError
	var proxy *sshconn.ProxyError
	var disconnect *sshconn.DisconnectError
	var protocol *sshconn.ProtocolError
	var algorithm *sshconn.AlgorithmError
	var noPath *mosh.PathError
	f := Failure{Code: ExitNetwork}
	switch {
	case errors.As(err, &noPath):
		f.Message, f.Hint = err.Error(), "--udp-address HOST names one that can be reached from here"
	case errors.As(err, &resolve):
		f.Message, f.Hint = resolve.Error(), "is the name right, and is there a network?"
	case errors.As(err, &connect):
		f.Message, f.Hint = connect.Error(), connectHint(connect)
	case errors.As(err, &timeout):
		f.Message, f.Hint = timeout.Error(), "try ssh; ConnectTimeout in ssh_config sets how long mosha waits"
	case errors.As(err, &closed) && closed.Phase == sshconn.PhaseSession:
		f.Message = fmt.Sprintf("%s let you in and closed the connection", closed.Host)
		f.Hint = "its log may say why; does ssh get further?"
	case errors.As(err, &closed) && closed.Phase == sshconn.PhaseAuth:
		f.Message, f.Hint = closed.Error(), "its log may say why; does ssh get further?"
	case errors.As(err, &closed):
		f.Message, f.Hint = closed.Error(), "the server may be overloaded or refuse this address"
	case errors.As(err, &proxy):
		f.Message, f.Hint = proxy.Error(), "try it by itself: "+proxy.Command
	case errors.As(err, &disconnect):
		f.Message = disconnect.Error()
	case errors.As(err, &protocol):
		f.Message, f.Hint = protocolWords(protocol), "is it an SSH server that listens there?"
	case errors.As(err, &algorithm):
		f.Message = fmt.Sprintf("%s; the server has %s", algorithm.Error(), strings.Join(algorithm.Theirs, ","))
	default:
		return Failure{}
	}
	return f
}

// protocolWords says where it was that the server was not understood. What was
// wrong is in the log, in a library's words.
func protocolWords(e *sshconn.ProtocolError) string {
	where := map[string]string{
		sshconn.PhaseBanner: "before its SSH version", sshconn.PhaseKex: "in the key exchange", sshconn.PhaseAuth: "in the login",
	}
	return "the server says something " + where[e.Phase] + " that is not understood here"
}

func connectHint(e *sshconn.ConnectError) string {
	switch e.Cause {
	case sshconn.CauseRefused:
		return "no SSH server listens on that port"
	case sshconn.CauseBind:
		return "it is to come from an address or interface that does not lead there: BindAddress or BindInterface in ssh_config"
	}
	return "is there a network?"
}
