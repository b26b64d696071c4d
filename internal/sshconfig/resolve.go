package sshconfig

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/text"
)

// resolveTimeout bounds ssh -G where there is no terminal. It takes 10 ms, but
// a Match exec may open a VPN or log in somewhere.
const resolveTimeout = time.Minute

// patience is how long ssh may take, and how it is ended after that.
//
// With a terminal there is no limit, as in ssh: a Match exec such as "ssh-add
// -l || ssh-add" may ask a person there, who can end it all with Ctrl-C. ssh
// stays in our process group then, since only the foreground one may read from
// the terminal (termios(3), SIGTTIN). Without a terminal it gets a group of its
// own, so that what a Match exec has started ends with it.
type patience struct {
	limit time.Duration // 0: none
	group bool          // ssh leads a process group
}

func newPatience() patience {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return patience{limit: resolveTimeout, group: true}
	}
	tty.Close()
	return patience{}
}

// command returns ssh with its end, which comes with a context that is derived
// from parent.
func (p patience) command(parent context.Context, env child.Env, args []string) (cmd *exec.Cmd, ctx context.Context, cancel func()) {
	if p.limit > 0 {
		ctx, cancel = context.WithTimeout(parent, p.limit)
	} else {
		ctx, cancel = context.WithCancel(parent)
	}
	cmd = env.Command(ctx, args[0], args[1:]...)
	cmd.WaitDelay = time.Second // a Match exec child may hold stdout
	if p.group {
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	}
	return cmd, ctx, cancel
}

// Resolve asks ssh what its configuration says about dest ([user@]host or an
// ssh:// URI). ssh runs in env. sshCommand is ssh with the user's options (from
// Words; nil means plain ssh), extra are further options such as -4. Errors:
// *WordsError, *DestinationError, *NoSSHError, *SSHError, that of ctx, or one
// whose words say all.
func Resolve(ctx context.Context, env child.Env, sshCommand []string, dest string, extra ...string) (*Config, error) {
	if dest == "" || dest[0] == '-' || strings.ContainsFunc(dest, isControl) {
		return nil, &DestinationError{What: "destination", Value: dest}
	}
	if len(sshCommand) == 0 {
		sshCommand = []string{"ssh"}
	}
	if err := cmp.Or(checkWords(sshCommand), checkTyped(sshCommand, dest)); err != nil {
		return nil, err
	}
	output, err := ask(ctx, env, newPatience(), sshCommand, extra, dest)
	if err != nil {
		return nil, err
	}
	c, err := parse(output)
	if err != nil {
		return nil, err
	}
	c.Dest = dest
	c.SSH = slices.Clone(sshCommand)
	c.Dir = env.Dir()
	c.ConfigFile = c.Absolute(configFile(c.SSH))
	c.Front = front(c.SSH, env)
	_, host, _ := parts(dest)
	if err := checkHost(sshCommand, c.OriginalHost, host); err != nil {
		return nil, err
	}
	c.OriginalHost = cmp.Or(c.OriginalHost, host)
	// ssh looks host keys up, and connects, by the name in lower case.
	c.HostName = strings.ToLower(c.HostName)
	if c.usesConnectionHash() {
		if c.ConnectionHash, err = connectionHash(ctx, env, sshCommand, extra, dest); err != nil {
			return nil, err
		}
	}
	return c, c.expand(env.Lookup)
}

// usesConnectionHash reports whether an option that ssh -G leaves unexpanded
// has %C.
func (c *Config) usesConnectionHash() bool {
	values := slices.Concat([]string{c.ProxyCommand}, c.IdentityFiles, c.CertificateFiles)
	return slices.ContainsFunc(values, func(value string) bool { return strings.Contains(value, "%C") })
}

// connectionHash lets ssh expand %C, in an option that it prints expanded.
func connectionHash(ctx context.Context, env child.Env, sshCommand, extra []string, dest string) (string, error) {
	output, err := ask(ctx, env, newPatience(), sshCommand, append([]string{"-S", "%C"}, extra...), dest)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(output)) {
		if hash, ok := strings.CutPrefix(line, "controlpath "); ok {
			return strings.TrimSuffix(hash, "\n"), nil
		}
	}
	return "", errors.New("ssh -G wrote no controlpath")
}

// resolveArgs returns the command line of ssh -G. -tt because a RequestTTY in
// the configuration would print a warning, and because there will be a
// terminal: without one, UpdateHostKeys=ask is printed as no.
func resolveArgs(sshCommand, extra []string, dest string) []string {
	return slices.Concat(sshCommand, []string{"-tt", "-G"}, extra, []string{"--", dest})
}

// cannotFork is what an ssh says that shall go into the background (-f,
// ForkAfterAuthentication) without a command (ssh.c), with -G too. mosha brings
// the command later.
const cannotFork = "Cannot fork into background without a command to execute."

// ask runs ssh and returns what it printed. If ssh misses a command, ask runs
// it again with -N. Not every ssh gets -N, since a Match sessiontype would go
// by it.
func ask(ctx context.Context, env child.Env, p patience, sshCommand, extra []string, dest string) ([]byte, error) {
	output, err := askOnce(ctx, env, p, sshCommand, extra, dest)
	if refused := (*SSHError)(nil); errors.As(err, &refused) && refused.Message == cannotFork {
		return askOnce(ctx, env, p, sshCommand, append([]string{"-N"}, extra...), dest)
	}
	return output, err
}

func askOnce(parent context.Context, env child.Env, p patience, sshCommand, extra []string, dest string) ([]byte, error) {
	args := resolveArgs(sshCommand, extra, dest)
	cmd, ctx, cancel := p.command(parent, env, args)
	defer cancel()
	stdout, stderr := text.Head{Left: maxOutput}, text.Head{Left: maxLine}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case parent.Err() != nil:
		return nil, parent.Err()
	case ctx.Err() != nil:
		return nil, fmt.Errorf("ssh -G %s took longer than %.0f s", dest, math.Ceil(p.limit.Seconds()))
	case errors.As(err, &exit):
		return nil, &SSHError{Program: args[0], Dest: dest, Status: exit.ExitCode(), Message: firstLine(stderr.Kept)}
	case errors.Is(err, exec.ErrWaitDelay):
		return stdout.Kept, nil
	case err != nil:
		return nil, &NoSSHError{Program: args[0], Err: err}
	case stdout.Left == 0:
		return nil, errors.New("ssh -G wrote more than 1 MB")
	}
	return stdout.Kept, nil
}

// firstLine returns the first line with text, free of control characters.
func firstLine(b []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	return strings.TrimSpace(text.Clean(line))
}
