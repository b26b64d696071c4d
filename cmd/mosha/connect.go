package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"al.essio.dev/pkg/shellescape"
	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/keeper/control"
	"github.com/mosha-ssh/mosha/internal/keeper/lease"
	"github.com/mosha-ssh/mosha/internal/mosh"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn/dial"
)

// connectCmd is a launch. All flags but the first ones are mosh's own.
type connectCmd struct {
	transportFlag
	forwardFlags
	SetupOnly  bool     `help:"Set the remote up, say what changed, and start no session. Takes several hosts."`
	DryRun     bool     `help:"Say what setting up would change there, with a diff, and change nothing. Takes several hosts."`
	Linger     lingerer `placeholder:"DURATION" help:"Keep the connection that long after the last session: 90, 10m, 8h, at most 30d."`
	UDPAddress string   `name:"udp-address" placeholder:"HOST" help:"Where mosh's UDP is to go, if not to the address that SSH goes to or, behind a proxy, that the server has."`

	serverFlags
	Predict          string `placeholder:"WHEN" group:"mosh's own flags:" xor:"predict" help:"Local echo: adaptive, always, never or experimental."`
	Always           bool   `name:"a" short:"a" group:"mosh's own flags:" xor:"predict" help:"As --predict=always."`
	Never            bool   `name:"n" short:"n" group:"mosh's own flags:" xor:"predict" help:"As --predict=never."`
	PredictOverwrite bool   `short:"o" group:"mosh's own flags:" help:"Prediction overwrites instead of inserting."`
	SSH              string `name:"ssh" placeholder:"COMMAND" default:"ssh" group:"mosh's own flags:" help:"ssh command; its options count for the agent's connection too."`
	SSHPty           bool   `name:"ssh-pty" default:"true" negatable:"" group:"mosh's own flags:" help:"Start the server on a terminal."`
	Init             bool   `default:"true" negatable:"" group:"mosh's own flags:" help:"Send the terminal's initialization string."`
	Local            bool   `group:"mosh's own flags:" help:"Run mosh-server here, without ssh."`
	RemoteIP         string `name:"experimental-remote-ip" placeholder:"HOW" group:"mosh's own flags:" help:"How to find the server's address: local, remote or proxy."`

	Host    string   `arg:"" optional:"" placeholder:"[user@]host" help:"Destination, as for ssh."`
	Command []string `arg:"" optional:"" passthrough:"" help:"Command to run in place of a login shell."`
}

// Run replaces this process by mosh, or returns why it did not.
func (c *connectCmd) Run(ctx *kong.Context) error {
	if len(c.Command) > 0 && c.Command[0] != "--" && strings.HasPrefix(c.Command[0], "-") {
		name, _, _ := strings.Cut(c.Command[0], "=")
		return explain.Usage(noSuchFlag(name, ctx)) // as with mosh, flags may stand behind the host
	}
	return c.orTypo(c.run(), ctx)
}

func (c *connectCmd) run() error {
	if c.PredictOverwrite && (strings.Contains(c.Host, "=") || len(c.Command) > 0 && strings.Contains(c.Command[0], "=")) {
		message, hint, _ := ofSSH("-o") // neither a host nor a program has a name like that
		return explain.Usage(message, hint)
	}
	if c.Host == "" {
		return explain.Usage("which host? mosha takes [user@]host", "")
	}
	if c.SetupOnly || c.DryRun {
		job := remoteJob{ssh: c.SSH, transport: c.Transport, family: c.flags().AddressFamily(), preview: c.DryRun}
		return job.run(append([]string{c.Host}, c.Command...))
	}
	if c.Local {
		return c.execMosh("")
	}
	if err := c.checkHere(); err != nil {
		return err
	}
	ctx := context.Background()
	if err := c.findUDPAddress(ctx); err != nil {
		return err
	}
	dest, err := find(ctx, c.SSH, &person{host: c.Host}, c.options()...)
	if err != nil {
		return err
	}
	attach := control.Attach{Session: true, Linger: time.Duration(c.Linger), Transport: c.Transport}
	launch, err := dest.open(ctx, c.flags().AddressFamily(), attach)
	if err != nil {
		return err
	}
	defer launch.client.Close()
	return c.begin(launch)
}

// begin takes a lease for the session and execs mosh, which inherits it.
func (c *connectCmd) begin(l *launch) error {
	lacks := l.note()
	// mosh-server answers from the address that ssh came in on.
	family, address := c.flags().AddressFamily(), cmp.Or(c.UDPAddress, l.up.Address)
	if !mosh.FamilyFits(family, address) {
		return explain.Family(family, address)
	}
	session, err := lease.New(l.dirs.Of(l.config.ID()))
	if err != nil {
		return err
	}
	if err := l.client.Lease(session.ID); err != nil {
		session.Drop()
		return err
	}
	handover := lease.Handover{Env: sessionEnv(l.config, os.Environ()), Address: c.UDPAddress, Read: l.isRead(), Lacks: lacks}
	if err := session.HandOver(handover); err != nil {
		return err
	}
	fd, err := session.Inherit()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	err = c.execMosh(standIn(self, l.config.ID(), fd))
	runtime.KeepAlive(session) // its descriptor is mosh's now: nothing may close it before
	return err
}

// standIn is the command that mosh is given as --ssh, which it splits by the
// rules of a shell.
func standIn(self, id string, lease int) string {
	return shellescape.QuoteCommand([]string{self, "ssh", "--keeper=" + id, "--lease=" + strconv.Itoa(lease), "--"})
}

// execMosh replaces this process by mosh.
func (c *connectCmd) execMosh(ssh string) error {
	path, err := exec.LookPath("mosh")
	if err != nil {
		return explain.Missing("mosh", "mosh")
	}
	command := c.Command
	if len(command) > 0 && command[0] == "--" {
		command = command[1:]
	}
	args := append([]string{"mosh"}, c.flags().Args(ssh, c.Host, command)...)
	return syscall.Exec(path, args, os.Environ())
}

// flags are those of mosh's flags that were given.
func (c *connectCmd) flags() mosh.Flags {
	return mosh.Flags{
		Client: c.Client, Server: c.Server, Predict: c.Predict, Always: c.Always, Never: c.Never,
		PredictOverwrite: c.PredictOverwrite, Family: c.Family, Inet: c.Inet, Inet6: c.Inet6, Port: c.Port,
		BindServer: c.BindServer, NoSSHPty: !c.SSHPty, NoInit: !c.Init, Local: c.Local, RemoteIP: c.RemoteIP,
	}
}

// Validate refuses at once what mosh would refuse after the connection is made.
func (c *connectCmd) Validate() error {
	for _, flag := range []struct {
		name, value string
		words       []string
	}{
		{"--predict", c.Predict, predictions},
		{"--family", c.Family, []string{"inet", "inet6", "auto", "all", "prefer-inet", "prefer-inet6"}},
		{"--experimental-remote-ip", c.RemoteIP, []string{"local", "remote", "proxy"}},
	} {
		if flag.value != "" && !slices.Contains(flag.words, flag.value) {
			return wrongWord(flag.name, flag.value, flag.words)
		}
	}
	if !mosh.IsPortRange(c.Port) {
		return fmt.Errorf("--port takes PORT or PORT:PORT2, the lower one first, not %q", c.Port)
	}
	if _, err := netip.ParseAddr(c.BindServer); err != nil && !slices.Contains([]string{"", "ssh", "any"}, strings.ToLower(c.BindServer)) {
		return fmt.Errorf("--bind-server takes ssh, any or an IP address, not %q", c.BindServer)
	}
	if c.UDPAddress != "" && c.RemoteIP != "" && c.RemoteIP != "proxy" {
		return fmt.Errorf("--udp-address and --experimental-remote-ip=%s exclude each other", c.RemoteIP)
	}
	return nil
}

// predictions are the words of --predict.
var predictions = []string{"adaptive", "always", "never", "experimental"}

// findUDPAddress resolves the name that --udp-address gives. SSH may go to
// another address, so mosh-server then answers from any, unless the user says
// otherwise.
func (c *connectCmd) findUDPAddress(ctx context.Context) error {
	if c.UDPAddress == "" {
		return nil
	}
	addr, err := dial.Lookup(ctx, c.UDPAddress, c.flags().AddressFamily())
	if err != nil {
		return err
	}
	c.UDPAddress = addr.String()
	if c.BindServer == "" {
		c.BindServer = "any"
		if addr.Is6() {
			c.BindServer = "::" // any takes IPv4 alone
		}
	}
	return nil
}

// errNoTerminal says that mosh would have no terminal to work on.
var errNoTerminal = errors.New("standard input is not a terminal, and a mosh session needs one")

// checkHere refuses to begin what mosh could not finish. Once the connection is
// up, mosh would fail with less to say.
func (c *connectCmd) checkHere() error {
	if err := c.checkPrediction(); err != nil {
		return err
	}
	if _, err := exec.LookPath("mosh"); err != nil {
		return explain.Missing("mosh", "mosh")
	}
	client, name := c.Client, "" // of whose package only the user knows
	if client == "" {
		client, name = "mosh-client", "mosh"
	}
	if _, err := exec.LookPath(client); err != nil {
		return explain.Missing(client, name)
	}
	stdin := int(os.Stdin.Fd())
	if !term.IsTerminal(stdin) {
		return errNoTerminal
	}
	columns, rows, err := term.GetSize(stdin)
	if err == nil && (columns == 0 || rows == 0) {
		return &explain.Failure{
			Message: fmt.Sprintf("the terminal says that its size is %dx%d", columns, rows),
			Hint:    "set it: stty rows 24 columns 80", Code: explain.ExitHere,
		}
	}
	return nil
}

// checkPrediction looks at the environment where no flag stands for it.
func (c *connectCmd) checkPrediction() error {
	const name = "MOSH_PREDICTION_DISPLAY"
	word, set := os.LookupEnv(name)
	if !set || c.Predict != "" || c.Always || c.Never || slices.Contains(predictions, word) {
		return nil
	}
	wrong := wrongWord(name, word, predictions)
	return explain.Usage(wrong.Message, wrong.Hint)
}

// maxSessionEnv bounds what a session gets of the environment, in bytes: it goes
// through the keeper's control socket in one line.
const maxSessionEnv = 32 << 10

// envVarCost is what each variable takes up beside its name and value.
const envVarCost = 32

// sessionEnv is what SendEnv and SetEnv take of the environment, as far as there
// is room. It warns of what there is no room for.
func sessionEnv(config *sshconfig.Config, environ []string) []sshconfig.EnvVar {
	var sent []sshconfig.EnvVar
	var left []string
	room := maxSessionEnv
	for _, v := range config.SessionEnv(environ) {
		cost := len(v.Name) + len(v.Value) + envVarCost
		if cost > room {
			left = append(left, v.Name)
			continue
		}
		room -= cost
		sent = append(sent, v)
	}
	if len(left) > 0 {
		warn(&explain.Failure{Message: "too long to be sent to the session: " + strings.Join(left, ", ")})
	}
	return sent
}
