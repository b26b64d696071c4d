package proxy

import (
	"net"
	"slices"
	"strings"

	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
	"github.com/mosha-ssh/mosha/internal/sshconn/helper"
)

// hops has what the ssh to a jump host needs of us. Any proxy may be an ssh that
// does not know a hop's host key or wants a passphrase. It has no terminal, so it
// asks by our program, as SSH_ASKPASS.
type hops struct {
	dir       helper.Dir
	listener  *net.UnixListener // nil if nobody can be asked
	questions *helper.Questions
}

// equip gives a proxy its environment before it starts. Its questions wait for
// Serve. Where nobody can answer, ssh must not ask: a window of some other
// askpass would come up out of nowhere.
func (p *Process) equip(cfg *sshconfig.Config, opts *sshconn.Options, clocks Clocks) {
	agent := ""
	if opts.ProxyAgent != nil {
		agent = opts.ProxyAgent()
	}
	p.cmd.Env = environ(opts.Env.Environ(), agent)
	jumps := cfg.ProxyJump != ""
	asks := opts.MayAsk(cfg) && (jumps || !cfg.ProxyUseFdpass) // that one has to end before we are there
	if opts.Master.Dir != "" && (jumps || asks) {
		hops, err := newHops(cfg, opts, clocks, asks)
		if err != nil {
			opts.Log.Warn().Err(err).Msg("no place for what the proxy needs")
		}
		p.hops = hops
	}
	if p.hops != nil && jumps {
		helper.LeadOn(p.cmd, p.hops.dir, helper.JumpOptions(opts))
	}
	if p.hops != nil && asks {
		p.cmd.Env = append(p.cmd.Env, "SSH_ASKPASS="+p.hops.dir.AskProgram(), "SSH_ASKPASS_REQUIRE=force")
	} else {
		p.cmd.Env = append(p.cmd.Env, "SSH_ASKPASS_REQUIRE=never")
	}
}

// environ returns the environment without what names an askpass, and with that
// agent, if there is one.
func environ(env []string, agent string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return strings.HasPrefix(name, "SSH_ASKPASS") || name == "SSH_AUTH_SOCK" && agent != ""
	})
	if agent != "" {
		env = append(env, "SSH_AUTH_SOCK="+agent)
	}
	return env
}

func newHops(cfg *sshconfig.Config, opts *sshconn.Options, clocks Clocks, asks bool) (*hops, error) {
	dir, err := helper.NewDir(opts.Master.Dir, opts.Master.Program)
	if err != nil {
		return nil, err
	}
	h := &hops{dir: dir}
	if !asks {
		return h, nil
	}
	h.questions = &helper.Questions{
		User: cfg.User, Host: cfg.HostKeyName(), Prompt: opts.Prompt, Tell: opts.Tell,
		Verbatim: true, Pause: clocks.Pause, Fail: clocks.Fail,
	}
	if h.listener, err = dir.Listen(dir.Ask()); err != nil {
		dir.Remove()
		return nil, err
	}
	return h, nil
}

// close removes what newHops made.
func (h *hops) close() {
	if h == nil {
		return
	}
	if h.listener != nil {
		h.listener.Close()
	}
	h.dir.Remove()
}
