package transport

import (
	"context"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// hops has what the ssh to a jump host needs of us. Any proxy may be an ssh
// that does not know a hop's host key or wants a passphrase. It asks our
// program, as SSH_ASKPASS, since it has no terminal.
type hops struct {
	dir      masterDir
	listener *net.UnixListener // nil if nobody can be asked
	put      *questions
}

// equip gives a proxy that is to be started its environment, and has its
// questions wait for serve. Where nobody can answer, ssh is told not to ask: a
// window of some other askpass would come up out of nowhere.
func (d *dialer) equip(cmd *exec.Cmd) {
	agent := ""
	if d.opts.ProxyAgent != nil {
		agent = d.opts.ProxyAgent()
	}
	cmd.Env = proxyEnv(os.Environ(), agent)
	jumps := d.cfg.ProxyJump != ""
	asks := d.attended() && (jumps || !d.cfg.ProxyUseFdpass) // that one has to end before we are there
	if d.opts.Master.Dir != "" && (jumps || asks) {
		hops, err := newHops(d, asks)
		if err != nil {
			d.opts.Log.Warn().Err(err).Msg("no place for what the proxy needs")
		}
		d.hops = hops
	}
	if d.hops != nil && jumps {
		leadOn(cmd, d.hops.dir, jumpOptions(&d.opts))
	}
	if d.hops != nil && asks {
		cmd.Env = append(cmd.Env, "SSH_ASKPASS="+d.hops.dir.askProgram(), "SSH_ASKPASS_REQUIRE=force")
	} else {
		cmd.Env = append(cmd.Env, "SSH_ASKPASS_REQUIRE=never")
	}
}

// proxyEnv returns the environment without what ssh would ask by, and with
// that agent, if there is one.
func proxyEnv(env []string, agent string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return strings.HasPrefix(name, "SSH_ASKPASS") || name == "SSH_AUTH_SOCK" && agent != ""
	})
	if agent != "" {
		env = append(env, "SSH_AUTH_SOCK="+agent)
	}
	return env
}

func newHops(d *dialer, asks bool) (*hops, error) {
	dir, err := newMasterDir(d.opts.Master.Dir, d.opts.Master.Program)
	if err != nil {
		return nil, err
	}
	h := &hops{dir: dir, put: &questions{d: d, hop: true}}
	if !asks {
		return h, nil
	}
	if h.listener, err = dir.listen(dir.ask()); err != nil {
		dir.remove()
		return nil, err
	}
	return h, nil
}

// serve answers until the function that it returns is called. Then nothing is
// left of it.
func (h *hops) serve(ctx context.Context) (end func()) {
	if h == nil || h.listener == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	h.put.work.Go(func() { h.put.serve(ctx, h.listener) })
	return func() {
		cancel()
		h.put.work.Wait()
	}
}

// close removes what newHops made.
func (h *hops) close() {
	if h == nil {
		return
	}
	if h.listener != nil {
		h.listener.Close()
	}
	h.dir.remove()
}

// failure returns why a person ended the attempt, nil if nobody did.
func (h *hops) failure() error {
	if h == nil {
		return nil
	}
	return h.put.failure()
}

// typed says whether a hop needed something that was typed.
func (h *hops) typed() bool { return h != nil && h.put.wasTyped() }
