//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	netDevice = "net0"
	mtu       = 1500
	// queueLen is how many packets wait for the pump before the kernel drops
	// some: enough that a burst is not lost behind the cable's back.
	queueLen = 5000
)

// openTUN makes the TUN device net0 in the calling thread's network namespace.
// The device is there for as long as the file is open. Reading gives one IP
// packet that the machine sent, writing hands it one.
func openTUN() (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	request, err := unix.NewIfreq(netDevice)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("make TUN device: %w", err)
	}
	return os.NewFile(uintptr(fd), "tun"), nil
}

// pump sends every packet that the machine sends into its cable, until tun is
// closed.
func pump(tun *os.File, out *lane) {
	packet := make([]byte, mtu+64)
	for {
		n, err := tun.Read(packet)
		switch {
		case errors.Is(err, os.ErrClosed):
			return
		case err != nil:
			time.Sleep(time.Millisecond) // the interface is down
		default:
			out.send(packet[:n])
		}
	}
}
