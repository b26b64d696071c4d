//go:build linux

package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// outage is something that happens to a network or a server.
type outage struct {
	name       string
	lasts      time.Duration
	begin, end func(*site) error
}

// defaultOutages are those of the table, as parseOutage takes them.
const defaultOutages = "address,blackhole=5s,blackhole=60s,blackhole=180s,down=60s,move=20s,sshd"

func cut(s *site) error {
	s.lab.Cable.Cut()
	return nil
}

func heal(s *site) error {
	s.lab.Cable.Heal()
	return nil
}

func roam(s *site) error {
	_, err := s.lab.Laptop.Roam()
	return err
}

// move ends a blackhole in another network. It heals first, so that what the
// laptop sends as it hears of the new address is not lost. No answer slips
// through: from Roam's beginning on nothing reaches the old address.
func move(s *site) error {
	s.lab.Cable.Heal()
	return roam(s)
}

// outageKinds tell what a word stands for.
var outageKinds = map[string]struct {
	format     string // of the name, with the time that it lasts if it does
	lasts      bool
	begin, end func(*site) error
}{
	"address":   {"address change", false, nil, roam},
	"blackhole": {"blackhole of %g s", true, cut, heal},
	"down": {"interface down for %g s", true,
		func(s *site) error { return s.lab.Laptop.LinkDown() },
		func(s *site) error { return s.lab.Laptop.LinkUp() }},
	"move": {"%g s outage, then a new address", true, cut, move},
	"sshd": {"server's sshd killed", false, nil, func(s *site) error { return s.sshd.KillSessions() }},
}

// parseOutages reads a comma-separated list of words and of word=duration.
func parseOutages(list string) ([]outage, error) {
	var outages []outage
	for entry := range strings.SplitSeq(list, ",") {
		o, err := parseOutage(entry)
		if err != nil {
			return nil, err
		}
		outages = append(outages, o)
	}
	return outages, nil
}

func parseOutage(entry string) (outage, error) {
	word, lasts, given := strings.Cut(entry, "=")
	kind, ok := outageKinds[word]
	if !ok || given != kind.lasts {
		return outage{}, fmt.Errorf("no such outage: %s", entry)
	}
	o := outage{name: kind.format, begin: kind.begin, end: kind.end}
	if !given {
		return o, nil
	}
	var err error
	if o.lasts, err = time.ParseDuration(lasts); err != nil {
		return outage{}, err
	}
	o.name = fmt.Sprintf(kind.format, o.lasts.Seconds())
	return o, nil
}

// happen lets the outage pass while somebody keeps asking through every socket.
// It returns the moment from which on a connection can be made again.
func (o outage) happen(ctx context.Context, s *site, sockets []string) (over time.Time, err error) {
	if o.begin != nil {
		if err := o.begin(s); err != nil {
			return time.Time{}, err
		}
		keepAsking(ctx, o.lasts, sockets)
	}
	err = o.end(s)
	return time.Now(), err
}
