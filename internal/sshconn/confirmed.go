package sshconn

// confirmed reports whether the other machine has acknowledged, by TCP, all that
// was sent to it. known is false where that cannot be seen: behind a proxy, and
// on some systems.
func (t *transport) confirmed() (yes, known bool) {
	direct, ok := t.Conn.(*prompt)
	if !ok {
		return false, false
	}
	left, err := unconfirmed(direct.raw)
	return left == 0, err == nil
}

// Probe is that of Connection. A request that wants no answer has TCP send
// something. It blocks where the server does not end a key exchange, and is then
// the last one.
func (c *Conn) Probe() (confirmed, known bool) {
	confirmed, known = c.transport.confirmed()
	if confirmed && c.probing.CompareAndSwap(false, true) {
		go func() {
			defer c.probing.Store(false)
			_, _, _ = c.SendRequest("keepalive@openssh.com", false, nil)
		}()
	}
	return confirmed, known
}

// Probe is that of Connection. There is nothing that ssh would send on for us:
// that all was acknowledged says nothing new then.
func (m *master) Probe() (confirmed, known bool) {
	confirmed, known = m.transport.confirmed()
	return false, known && !confirmed
}
