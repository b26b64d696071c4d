package helper

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/mosha-ssh/mosha/internal/secret"
)

// The names under which an ssh runs our program.
const (
	passName = "mosha-pass"
	askName  = "mosha-ask"
	jumpName = "ssh" // some programs that stand for ssh go by their name
)

// Run is our program when an ssh runs it, by a name in a Dir: as ProxyCommand
// it hands over the connection, as SSH_ASKPASS it makes the keeper ask, as the
// ssh to a jump host it becomes that ssh. ok is false if it has any other name.
func Run(args []string) (code int, ok bool) {
	if len(args) == 0 {
		return 0, false
	}
	dir := Dir(filepath.Dir(args[0]))
	err := error(nil)
	switch filepath.Base(args[0]) {
	case passName:
		err = passConnection(dir.Pass(), int(os.Stdout.Fd()))
	case askName:
		prompt := ""
		if len(args) > 1 {
			prompt = args[1]
		}
		defer secret.Hold()()
		err = askKeeper(dir.Ask(), prompt, os.Getenv("SSH_ASKPASS_PROMPT"), os.Stdout)
	case jumpName:
		if err = becomeSSH(args); errors.Is(err, errNoSSH) {
			return 0, false
		}
	default:
		return 0, false
	}
	if err != nil {
		return 1, true
	}
	return 0, true
}

// passConnection connects to the keeper and hands that connection to ssh, over
// its socket to (ssh_config(5), ProxyUseFdpass; monitor_fdpass.c sends one byte
// with it).
func passConnection(path string, to int) error {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	defer conn.Close()
	file, err := conn.File() // a duplicate
	if err != nil {
		return err
	}
	defer file.Close()
	if err := unix.SetNonblock(int(file.Fd()), false); err != nil {
		return err
	}
	return unix.Sendmsg(to, []byte{0}, unix.UnixRights(int(file.Fd())), nil, 0)
}

// question is what an ssh asks or says. Hint is that of ssh-askpass(1): confirm
// for a question that only yes or no answers, none for a text to show until ssh
// ends this program, else empty.
type question struct {
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
}

// The hints.
const (
	hintConfirm = "confirm"
	hintNone    = "none"
)

// answered is the first byte that our program reads if there is an answer. The
// rest is what a person typed. It is no JSON, which would leave copies of it.
const answered = '+'

// maxPrompt bounds a question and an answer on their way, in bytes.
const maxPrompt = 16 << 10

var (
	// errNotAnswered makes ssh go on without an answer.
	errNotAnswered = errors.New("there is no answer")
	errLongAnswer  = errors.New("the answer is too long")
)

// askKeeper makes the keeper ask, and writes the answer for ssh to read.
func askKeeper(path, prompt, hint string, to io.Writer) error {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := json.NewEncoder(conn).Encode(question{Text: prompt, Hint: hint}); err != nil {
		return err
	}
	answer := make([]byte, maxPrompt)
	defer clear(answer)
	n, err := io.ReadFull(conn, answer)
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return cmp.Or(err, errLongAnswer)
	}
	if n == 0 || answer[0] != answered {
		return errNotAnswered
	}
	answer[n] = '\n'
	_, err = to.Write(answer[1 : n+1])
	return err
}
