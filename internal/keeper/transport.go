package keeper

import (
	"cmp"
	"os"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/remote"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// chooseLocked takes the transport that a launch wants; "" leaves it as it is.
// What the keeper has found out by itself stays, if the launch leaves it open.
func (k *Keeper) chooseLocked(wanted string) {
	if wanted == "" || wanted == sshconn.TransportAuto && k.known.choice.Reason != "" {
		return
	}
	k.known.choice = sshconn.Choice{Transport: wanted}
}

// carrierLocked returns what carries the connection and why, or is to.
func (k *Keeper) carrierLocked() (transport, reason string) {
	choice := k.known.choice
	if k.conn != nil {
		choice = k.conn.Facts().Choice
	}
	return cmp.Or(choice.Transport, sshconn.TransportAuto), choice.Reason
}

// carriedBy returns a *control.TransportError if another transport is wanted.
func carriedBy(conn *remote.Connection, wanted string) error {
	is := conn.Facts().Choice.Transport
	if wanted == "" || wanted == sshconn.TransportAuto || wanted == is {
		return nil
	}
	return &control.TransportError{Wanted: wanted, Open: is}
}

// masterPlace is where an ssh that carries the connection has its sockets.
func (k *Keeper) masterPlace() sshconn.MasterPlace {
	self, err := os.Executable()
	if err != nil {
		return sshconn.MasterPlace{}
	}
	return sshconn.MasterPlace{Dir: string(k.dir), Program: self}
}
