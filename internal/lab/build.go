//go:build linux

package lab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// BuildMosha puts the program mosha into dir, where everyone may run it, and
// returns its path. It compiles once in a process, with the race detector if
// this program has it. Call it from within the module.
func BuildMosha(dir string) (string, error) {
	return build(dir, "github.com/mosha-ssh/mosha/cmd/mosha")
}

// built holds every compiled program as an open file without a name, so that
// nothing is left of it, however this process ends.
var built = struct {
	sync.Mutex
	programs map[string]*os.File
}{programs: make(map[string]*os.File)}

func build(dir, pkg string) (string, error) {
	built.Lock()
	defer built.Unlock()
	program, ok := built.programs[pkg]
	if !ok {
		var err error
		if program, err = compile(pkg); err != nil {
			return "", err
		}
		built.programs[pkg] = program
	}
	path := filepath.Join(dir, filepath.Base(pkg))
	return path, install(program, path)
}

func compile(pkg string) (*os.File, error) {
	tmp, err := os.MkdirTemp("", "mosha-build-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	program := filepath.Join(tmp, "program")
	args := []string{"build", "-o", program}
	if raceEnabled {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, pkg)...).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build %s: %w: %s", pkg, err, out)
	}
	return os.Open(program)
}

// install copies the program, unless an earlier call did.
func install(program *os.File, path string) error {
	info, err := program.Stat()
	if err != nil {
		return err
	}
	content := io.NewSectionReader(program, 0, info.Size())
	err = writeFile(path, os.O_EXCL, 0o755, content, nil)
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	return err
}
