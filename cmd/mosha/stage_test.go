//go:build linux

package main_test

import (
	"net"
	"strings"
	"testing"
)

// TestSaysWhatItWaitsFor, on a terminal: the address that does not answer, the
// server that says nothing, the one that sends no host key.
func TestSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.me.WriteFile(".ssh/config", "ConnectTimeout 10\nHost devbox\n User "+w.dev.Name+"\n", 0o600))
	w.must(w.me.WriteFile("slow", "Match exec \"sleep 100\"\n User nobody\n", 0o600))
	waits := func(pattern string, args ...string) {
		t.Helper()
		window := w.runSized(200, 24, args...)
		w.must(window.WaitFor(w.ctx(), pattern))
		w.must(window.Send("\x03"))
		_, err := window.Wait(w.ctx())
		w.must(err)
		w.runs("stop", "--all")
	}
	w.lab.Cable.Cut()
	waits(`^mosha: connecting to 10\.\S+ port 22$`, "keep", "devbox4")
	w.lab.Cable.Heal()
	silent, err := w.lab.Devbox.Listen("0.0.0.0:2022")
	w.must(err)
	defer silent.Close()
	waits(`^mosha: waiting for the SSH server at devbox port 2022 to answer$`, "--ssh=ssh -p 2022", "devbox")
	waits(`^mosha: waiting for the proxy to reach devbox port 22$`, "--ssh=ssh -o ProxyCommand='sleep 100'", "devbox")
	greets, err := w.lab.Devbox.Listen("0.0.0.0:2023")
	w.must(err)
	defer greets.Close()
	go greet(greets)
	waits(`^mosha: waiting for the host key of devbox port 2023$`, "--ssh=ssh -p 2023", "devbox")
	waits(`^mosha: waiting for ssh -G to say what is configured for devbox$`, "--ssh=ssh -F slow", "devbox")

	hushed := w.runSized(200, 24, "keep", "--ssh=ssh -q -p 2022", "devbox")
	_, err = hushed.Wait(w.ctx())
	w.must(err)
	if strings.Contains(string(hushed.Transcript()), "waiting for") {
		t.Errorf("with ssh -q it says\n%s", hushed.Transcript())
	}
	w.must(w.dev.WriteFile(".bashrc", "sleep 5\n", 0o644))
	window := w.runSized(200, 24, "devbox")
	w.must(window.WaitOutput(w.ctx(), `mosha: (setting up devbox for the agent|waiting for mosh-server to start on devbox)`))
	w.must(window.WaitFor(w.ctx(), `\$ ?$`))
	w.exit(window)
	w.nothingLeft()
}

// greet says the first line of an SSH server to whoever connects, and no more.
func greet(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		if _, err := conn.Write([]byte("SSH-2.0-slow\r\n")); err != nil {
			return
		}
	}
}
