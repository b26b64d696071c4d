package guard

import (
	"bytes"
	"context"
	"errors"
	"io"
)

// maxBind bounds ssh's session-bind message, in bytes: it has a host key or a
// certificate, and a signature.
const maxBind = 32 * 1024

// Greet serves what begins a channel that OpenSSH's ssh forwards: a
// session-bind message of ssh's own. Greet answers it at once, since ssh waits
// for that, and returns it for Serve to give to the agent. An ssh before 8.9
// sends none: then bind is nil, and the agent will take the requests for local
// ones. What comes first is the remote's then. Greet leaves it in the channel,
// since many channels may be greeted at once.
//
// The returned channel has all that comes after the message. The error is
// io.EOF if the channel ended instead, or an *Error; the caller closes the
// channel then. ctx's end closes it too.
func Greet(ctx context.Context, channel io.ReadWriteCloser) (bind []byte, rest io.ReadWriteCloser, err error) {
	stop := context.AfterFunc(ctx, func() { _ = channel.Close() })
	defer stop()
	var f frame
	bound, err := f.readBind(channel)
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil, io.EOF
		}
		return nil, nil, &Error{Side: Remote, Op: "read", Err: err}
	}
	if !bound {
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

// readBind reads a session-bind message, or as much of another message as tells
// them apart. It reports whether it is a session-bind. The error is that of
// read.
func (f *frame) readBind(r io.Reader) (bool, error) {
	length, err := f.readLength(r)
	if err != nil {
		return false, err
	}
	head := min(length, int64(1+len(sessionBindName)))
	if err := f.takeBody(r, head); err != nil {
		return false, err
	}
	if !f.isSessionBind() || length > maxBind {
		return false, nil
	}
	return true, f.takeBody(r, length-head)
}
