package sshconn

import (
	"context"
	"net"
	"os"
	"slices"
	"strings"
)

// hopQuestions lets a proxy ask a person: it is an ssh, as a rule, which may
// not know a hop's host key or want a passphrase. It asks our program, as
// SSH_ASKPASS, since it has no terminal.
type hopQuestions struct {
	dir      masterDir
	listener *net.UnixListener
	put      *questions
}

// proxyEnv returns the environment of a proxy, and has its questions wait for
// serveHops. Where nobody can answer, ssh is told not to ask: a window of some
// other askpass would come up out of nowhere.
func (d *dialer) proxyEnv() []string {
	agent := ""
	if d.opts.ProxyAgent != nil {
		agent = d.opts.ProxyAgent()
	}
	env := proxyEnv(os.Environ(), agent)
	if d.opts.Master.Dir == "" || !d.attended() {
		return append(env, "SSH_ASKPASS_REQUIRE=never")
	}
	hops, err := newHopQuestions(d)
	if err != nil {
		d.opts.Log.Warn().Err(err).Msg("the proxy cannot ask")
		return append(env, "SSH_ASKPASS_REQUIRE=never")
	}
	d.hops = hops
	return append(env, "SSH_ASKPASS="+hops.dir.askProgram(), "SSH_ASKPASS_REQUIRE=force")
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

func newHopQuestions(d *dialer) (*hopQuestions, error) {
	dir, err := newMasterDir(d.opts.Master.Dir, d.opts.Master.Program)
	if err != nil {
		return nil, err
	}
	listener, err := dir.listen(dir.ask())
	if err != nil {
		dir.remove()
		return nil, err
	}
	return &hopQuestions{dir: dir, listener: listener, put: &questions{d: d, hop: true}}, nil
}

// serve answers until the function that it returns is called. Then nothing is
// left of it.
func (h *hopQuestions) serve(ctx context.Context) (end func()) {
	if h == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	h.put.work.Go(func() { h.put.serve(ctx, h.listener) })
	return func() {
		cancel()
		h.put.work.Wait()
	}
}

// close removes what newHopQuestions made.
func (h *hopQuestions) close() {
	if h != nil {
		h.listener.Close()
		h.dir.remove()
	}
}

// failure returns why a person ended the attempt, nil if nobody did.
func (h *hopQuestions) failure() error {
	if h == nil {
		return nil
	}
	return h.put.failure()
}

// typed says whether a hop needed something that was typed.
func (h *hopQuestions) typed() bool { return h != nil && h.put.wasTyped() }
