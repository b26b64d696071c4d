package keeper

import (
	"context"
	"os"
	"time"
)

// Status is what a keeper says about itself.
type Status struct {
	Destination string    `json:"destination"` // as it was typed
	HostName    string    `json:"host_name"`
	User        string    `json:"user"`
	Port        int       `json:"port"`
	State       State     `json:"state"`
	Since       time.Time `json:"since"`
	Sessions    int       `json:"sessions"`
	Requests    int       `json:"agent_requests"`
	Problems    []string  `json:"problems,omitempty"` // what could not be had, in the words of the log
}

func (k *Keeper) status() *Status {
	sessions, used := k.leases.count(), k.usage.read()
	k.mu.Lock()
	defer k.mu.Unlock()
	config := k.spec.Config
	s := &Status{
		Destination: config.Dest, HostName: config.HostName, User: config.User, Port: config.Port,
		State: k.state, Since: k.since, Sessions: sessions, Requests: used.Requests,
	}
	if k.conn != nil {
		for _, err := range k.conn.warned() {
			s.Problems = append(s.Problems, err.Error())
		}
	} else if k.failed != nil {
		s.Problems = append(s.Problems, k.failed.Error())
	}
	return s
}

// sweep removes what is left of a keeper that was killed, or stopped before its
// sessions ended. The leases of sessions that live stay, for the next keeper.
func sweep(dir keeperDir) {
	lock, err := tryAcquire(dir, dir.lock())
	if err != nil {
		return // one is just starting
	}
	_ = os.Remove(dir.socket())
	removeFree(dir.sessions())
	lock.release()
	dir.remove()
}

// IDs returns the ids of the destinations that have or had a keeper. Not every
// one of them need be alive.
func IDs(dirs Dirs) ([]string, error) {
	entries, err := os.ReadDir(dirs.Runtime)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, entry := range entries {
		if entry.IsDir() {
			ids = append(ids, entry.Name())
		}
	}
	return ids, nil
}

// All returns the status of every keeper that answers, and the ids of those
// that should but do not.
func All(ctx context.Context, dirs Dirs) (alive []*Status, silent []string, err error) {
	ids, err := IDs(dirs)
	for _, id := range ids {
		client, err := Connect(ctx, dirs, id)
		if err != nil {
			sweep(dirs.of(id))
			continue
		}
		status, err := client.Status()
		client.Close()
		if err != nil {
			silent = append(silent, id)
			continue
		}
		alive = append(alive, status)
	}
	return alive, silent, err
}
