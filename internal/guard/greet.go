package guard

import (
	"bytes"
	"context"
	"errors"
	"io"
)

// Greet serves what begins a channel that OpenSSH's ssh forwards: a session-bind message of ssh's own. It is answered here,
// at once, since ssh does nothing else until it is, and returned for Serve to give to the agent. An ssh before 8.9 sends
// none: bind is nil, and the agent will take the requests for local ones.
//
// The channel that is returned has all that comes after the message. The error is io.EOF if the channel ended instead, or
// an *Error, and the channel is to be closed then. ctx's end closes it.
func Greet(ctx context.Context, channel io.ReadWriteCloser) (bind []byte, rest io.ReadWriteCloser, err error) {
	stop := context.AfterFunc(ctx, func() { _ = channel.Close() })
	defer stop()
	var f frame
	if err := f.read(channel); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil, io.EOF
		}
		return nil, nil, &Error{Side: Remote, Op: "read", Err: err}
	}
	if !f.isSessionBind() {
		return nil, &begun{Reader: io.MultiReader(&f.buf, channel), WriteCloser: channel}, nil
	}
	bind = bytes.Clone(f.body())
	f.set(agentSuccess)
	if err := f.write(channel); err != nil {
		return nil, nil, &Error{Side: Remote, Op: "write", Err: err}
	}
	return bind, channel, nil
}

// begun is a channel of which a part was read.
type begun struct {
	io.Reader
	io.WriteCloser
}
