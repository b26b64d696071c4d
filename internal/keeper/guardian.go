package keeper

import (
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// guardianScript waits on descriptor 3 until the keeper writes that it ends or
// is gone without a word, and then becomes the keeper anew. It is a shell
// since that costs a tenth of the memory of one more process of ours.
const guardianScript = `read -r word <&3; [ "$word" != bye ] || exit 0; exec 3<&-; sleep 0.5; exec "$0" keeper --resume "$1"`

// guardian brings the keeper back when it is killed: a process that waits on
// a pipe whose other end only the keeper has. If the guardian is killed, the
// keeper starts another.
type guardian struct {
	self string // the program
	spec string // path of the spec that the keeper resumes from
	log  zerolog.Logger

	ending chan struct{}
	done   chan struct{}
}

func startGuardian(self, spec string, log zerolog.Logger) *guardian {
	g := &guardian{self: self, spec: spec, log: log, ending: make(chan struct{}), done: make(chan struct{})}
	go g.run()
	return g
}

// guardianRest is how long the keeper waits before it replaces a guardian that
// ended.
const guardianRest = time.Second

func (g *guardian) run() {
	defer close(g.done)
	for {
		if err := g.once(); err != nil {
			g.log.Warn().Err(err).Msg("nobody watches over the keeper")
		}
		select {
		case <-g.ending:
			return
		case <-time.After(guardianRest):
		}
	}
}

// once runs one guardian until it ends, by itself or because the keeper does.
func (g *guardian) once() error {
	theirs, ours, err := os.Pipe()
	if err != nil {
		return err
	}
	defer ours.Close()
	cmd := exec.Command("/bin/sh", "-c", guardianScript, g.self, g.spec)
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = cmd.Start()
	_ = theirs.Close()
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-g.ending:
		_, _ = ours.WriteString("bye\n")
		return <-ended
	}
}

// end tells the guardian that the keeper ends on purpose.
func (g *guardian) end() {
	close(g.ending)
	<-g.done
}
