//go:build linux

package main_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/guard"
	"github.com/mosha-ssh/mosha/internal/lab"
	"github.com/mosha-ssh/mosha/internal/lab/labtest"
)

// hoarder is a program of the remote's that opens so many connections to the
// agent, writes as much to each as it takes, up to so many bytes, leaves the
// answers, and then stays.
const hoarder = `use Socket; use IO::Select;
my ($n, $bytes) = @ARGV; my ($open, %left) = 0;
for (1 .. $n) {
	my $s; socket($s, AF_UNIX, SOCK_STREAM, 0) && connect($s, sockaddr_un($ENV{SSH_AUTH_SOCK})) or next;
	$s->blocking(0); $left{fileno $s} = [$s, $bytes]; $open++;
}
$SIG{PIPE} = 'IGNORE';
syswrite($_->[0], "\0\0\0\1\13") for values %left;
my $ask = "\0\0\0\1\13" x 8192;
for (;;) {
	my $select = IO::Select->new(map { $_->[1] > 0 ? $_->[0] : () } values %left);
	my @ready = $select->can_write(3) or last;
	for my $s (@ready) {
		my $l = $left{fileno $s}; my $wrote = syswrite($s, $ask, $l->[1]);
		$l->[1] = $wrote ? $l->[1] - $wrote : 0;
	}
}
open(my $done, '>', 'hoarding'); print $done $open; close $done;
sleep;`

// hoards are what a remote may take of the agent, and the most memory that the
// keeper may need for it, in KiB.
var hoards = map[string]struct{ channels, bytes, peak int }{
	"many channels": {3000, 0, 64 << 10},
	"full channels": {150, 2 << 20, 80 << 10},
}

// TestHoarding over both transports: a remote that opens more agent channels
// than anybody needs, and fills them, neither takes the agent away from the
// laptop nor much memory of the keeper. Requests are refused meanwhile, at once,
// and served again as soon as the channels are closed.
func TestHoarding(t *testing.T) {
	t.Parallel()
	for name, hoard := range hoards {
		for _, transport := range labtest.Rows(1, []string{"native", "openssh"}) {
			t.Run(name+", "+transport, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				w.transport = transport
				window := w.shell("devbox")
				w.agentIsNow(window, w.key)
				w.must(w.dev.WriteFile("hoarder.pl", hoarder, 0o600))
				w.do(window, fmt.Sprintf("clear; ulimit -n 4096; perl hoarder.pl %d %d & until [ -s hoarding ]; do sleep .1; done; echo hoarding $(cat hoarding)", hoard.channels, hoard.bytes), `(?m)^hoarding \d+\s*$`)
				if keys, err := w.agent.Keys(); err != nil || len(keys) != 1 {
					t.Errorf("on the laptop the agent gives %v, %v", keys, err)
				}
				if hoard.bytes == 0 {
					w.must(lab.Eventually(w.ctx(), "all places are taken", func() (bool, error) {
						return w.agentConnections() == guard.MaxChannels, nil
					}))
					w.ask(window, w.key, "timeout 60 ssh-add -l >/dev/null 2>&1; case $? in 0) echo served;; 124) echo hangs;; *) echo refused;; esac", "refused")
				}
				pid := w.keeper()
				connections := 0
				err := lab.Eventually(w.ctx(), "few connections to the agent", func() (bool, error) { // the keeper asks it, too
					connections = w.agentConnections()
					return connections <= guard.MaxChannels && (connections > 0 || hoard.bytes > 0), nil
				})
				t.Logf("%s opened; the keeper: %s; %d connections to the agent", w.remote("cat hoarding"), w.memory(pid, "VmHWM", "VmRSS"), connections)
				if err != nil {
					t.Errorf("%d connections to the agent: %v", connections, err)
				}
				if peak := w.kib(pid, "VmHWM"); peak > hoard.peak {
					t.Errorf("the keeper took %d KiB", peak)
				}
				w.ask(window, w.key, "kill %1; wait; echo killed", "killed")
				w.agentIs(window, w.key)
				w.must(lab.Eventually(w.ctx(), "the memory is given back", func() (bool, error) {
					return w.kib(pid, "VmRSS") < 24<<10, nil
				}))
				w.exit(window)
				w.nothingLeft()
			})
		}
	}
}

// agentConnections is how many connections the agent has, each of which takes
// a descriptor of it.
func (w *world) agentConnections() int {
	w.t.Helper()
	connected := regexp.MustCompile(`(?m) 03 +\d+ ` + regexp.QuoteMeta(w.agent.Sock) + `$`)
	return len(connected.FindAllString(w.listing(w.me, "cat /proc/net/unix"), -1))
}

// memory returns these lines of a process's status (proc(5)).
func (w *world) memory(pid int, fields ...string) string {
	w.t.Helper()
	var found []string
	for line := range strings.Lines(w.file(fmt.Sprintf("/proc/%d/status", pid))) {
		for _, field := range fields {
			if strings.HasPrefix(line, field+":") {
				found = append(found, strings.Join(strings.Fields(line), " "))
			}
		}
	}
	return strings.Join(found, ", ")
}

// kib is a field of a process's status that counts KiB.
func (w *world) kib(pid int, field string) (n int) {
	w.t.Helper()
	_, err := fmt.Sscanf(w.memory(pid, field), field+": %d kB", &n)
	w.must(err)
	return n
}
