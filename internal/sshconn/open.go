package sshconn

import (
	"context"

	"github.com/mosha-ssh/mosha/internal/target"
)

// Open connects to the destination and authenticates, over the transport that
// can. When ctx ends, it returns ctx's cause at once. Other errors are those of
// Dial.
func Open(ctx context.Context, cfg *target.Config, opts Options) (Connection, error) {
	conn, err := Dial(ctx, cfg, opts)
	if err != nil {
		return nil, err
	}
	return conn, nil
}
