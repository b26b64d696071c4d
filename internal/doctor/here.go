package doctor

import (
	"cmp"
	"context"
	"errors"
	"net"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh/agent"

	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/rundir"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/text"
)

// programLimit is how long a program here may take to say its version.
const programLimit = 5 * time.Second

// ask runs a program of this machine and returns what it printed.
func ask(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, programLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// moshVersion finds the version in what a program of mosh prints.
var moshVersion = regexp.MustCompile(`mosh ([0-9]+)\.([0-9]+)[0-9A-Za-z.~+-]*`)

// program checks one of mosh's programs here.
func (e *examination) program(name, path string) Check {
	c := newCheck(Here, name)
	found, err := exec.LookPath(path)
	if err != nil {
		return c.fails(NotInstalled, path, "", nil)
	}
	c.Facts["path"] = found
	out, err := ask(e.ctx, found, "--version")
	version := moshVersion.FindStringSubmatch(out)
	if err != nil || version == nil {
		return c.fails(Broken, path, firstLine(out), err)
	}
	c.Facts["version"] = strings.TrimPrefix(version[0], "mosh ")
	major, _ := strconv.Atoi(version[1])
	minor, _ := strconv.Atoi(version[2])
	if major < 1 || major == 1 && minor < 4 {
		return c.warns(OldVersion, path, c.Facts["version"], nil)
	}
	return c
}

// sshVersion is what ssh -V prints first.
var sshVersion = regexp.MustCompile(`^[^ ,]+`)

// ssh checks the ssh program and what it makes of the destination.
func (e *examination) ssh() Check {
	c := newCheck(Here, CheckSSH)
	config, err := sshconfig.Resolve(e.ctx, child.Env{}, e.options.SSH, e.options.Destination)
	var missing *sshconfig.NoSSHError
	switch {
	case errors.As(err, &missing):
		return c.fails(NotInstalled, missing.Program, "", err)
	case err != nil:
		return c.fails(NoConfig, "", "", err)
	}
	e.config = config
	program := append(slices.Clone(config.Program()), "-V")
	out, err := ask(e.ctx, program[0], program[1:]...)
	if version := sshVersion.FindString(out); err == nil && version != "" {
		c.Facts["version"] = text.ASCII(version)
	}
	c.Facts["host_name"], c.Facts["user"], c.Facts["port"] = config.HostName, config.User, strconv.Itoa(config.Port)
	return c
}

// locale checks what mosh-client asks for: that the character set of the
// environment's locale is UTF-8 (nl_langinfo(3), CODESET). It asks locale(1),
// which also knows whether the locale exists.
func (e *examination) locale() Check {
	c := newCheck(Here, CheckLocale)
	setting := e.localeSetting()
	charmap := ""
	cmd := exec.CommandContext(e.ctx, "locale", "charmap")
	if out, err := cmd.Output(); err == nil {
		charmap = strings.Trim(strings.TrimSpace(string(out)), `"`)
	} else if utf8Name.MatchString(setting) {
		charmap = "UTF-8" // by name: there is no locale(1) to ask
	}
	c.Facts["charmap"], c.Facts["setting"] = text.ASCII(charmap), text.ASCII(setting)
	if !strings.EqualFold(charmap, "UTF-8") {
		if out, err := exec.CommandContext(e.ctx, "locale", "-a").Output(); err == nil {
			c.Facts["utf8"] = text.ASCII(firstUTF8(string(out)))
		}
		return c.fails(NotUTF8, text.ASCII(charmap), text.ASCII(setting), nil)
	}
	return c
}

// localeSetting returns the variable that decides about the character set, as
// in LANG=C, or "" if none is set (POSIX, 8.2, Internationalization Variables).
func (e *examination) localeSetting() string {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := e.options.Env(name); value != "" {
			return name + "=" + value
		}
	}
	return ""
}

// firstUTF8 returns a UTF-8 locale of those that locale -a prints, C's if it is
// there.
func firstUTF8(all string) string {
	found := ""
	for name := range strings.FieldsSeq(all) {
		if utf8Name.MatchString(name) && (found == "" || strings.HasPrefix(name, "C.")) {
			found = name
		}
	}
	return found
}

var utf8Name = regexp.MustCompile(`(?i)utf-?8`)

// agentLimit is how long the agent may take to list its keys.
const agentLimit = 5 * time.Second

// agent checks that there is an agent with keys to forward.
func (e *examination) agent() Check {
	c := newCheck(Here, CheckAgent)
	config := e.config
	if config == nil {
		config = &sshconfig.Config{}
	}
	path, _ := config.ForwardedSocket(e.options.Env)
	named := config.AgentSetting()
	c.Facts["socket"], c.Facts["named_by"] = path, cmp.Or(named, "SSH_AUTH_SOCK")
	c.Facts["identity_agent"], c.Facts["forward_agent"] = config.IdentityAgent, config.ForwardAgent
	keys, err := listAgent(e.ctx, path)
	switch {
	case err != nil && isNobody(err):
		return c.fails(NoAgent, path, named, err)
	case err != nil:
		return c.fails(AgentFails, path, "", err)
	}
	touch := 0
	for _, key := range keys {
		if wantsTouch(key.Type()) {
			touch++
		}
	}
	c.Facts["keys"], c.Facts["touch_keys"] = strconv.Itoa(len(keys)), strconv.Itoa(touch)
	e.keysHere = len(keys)
	if len(keys) == 0 {
		return c.warns(AgentEmpty, path, "", nil) // one may be added while a session lasts
	}
	return c
}

// errNoSocket says that nothing names an agent.
var errNoSocket = errors.New("no agent is configured")

func isNobody(err error) bool {
	var op *net.OpError
	return errors.Is(err, errNoSocket) || errors.As(err, &op) && op.Op == "dial"
}

func listAgent(ctx context.Context, path string) ([]*agent.Key, error) {
	if path == "" {
		return nil, errNoSocket
	}
	dialer := net.Dialer{Timeout: agentLimit}
	conn, err := dialer.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(agentLimit))
	return agent.NewClient(conn).List()
}

// wantsTouch reports whether a key of this type is in a FIDO token, which a
// person has to touch (PROTOCOL.u2f).
func wantsTouch(keyType string) bool {
	return strings.HasPrefix(keyType, "sk-") || strings.HasPrefix(keyType, "webauthn-sk-")
}

// keeper checks the keeper of the destination, or that one could run.
func (e *examination) keeper() Check {
	c := newCheck(Here, CheckKeeper)
	if e.config == nil {
		return c.skips(NotReached, CheckSSH)
	}
	dirs, err := rundir.Find(e.options.Env)
	if err != nil {
		return c.fails(NoDirs, "", "", err)
	}
	e.dirs = dirs
	status, err := control.StatusOf(e.ctx, dirs, e.config.ID())
	switch {
	case errors.Is(err, control.ErrNoKeeper):
		c.Facts["state"], e.canKeep = "none", true
		return c
	case err != nil:
		return c.fails(KeeperFails, "", "", err)
	}
	e.running, e.canKeep = true, true
	c.Facts["state"], c.Facts["sessions"], c.Facts["link"] = string(status.State), strconv.Itoa(status.Sessions), status.Link
	c.Facts["transport"] = status.Transport
	problems := strings.Join(status.Problems, "; ")
	switch status.State {
	case control.NeedsAuth:
		return c.warns(KeeperWaits, "", problems, nil)
	case control.Lost, control.Waiting:
		return c.warns(KeeperLost, "", problems, nil)
	}
	return c
}

// firstLine returns the first line with text.
func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return text.ASCII(line)
}
