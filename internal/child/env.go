package child

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Env is the environment and the directory in which a program runs. The zero
// value is that of this process.
type Env struct {
	vars []string // NAME=VALUE, each name once; nil: this process's
	dir  *place   // nil: this process's
}

// With returns the environment with these variables (environ, in the form of
// os.Environ) in place of what it has. Of a variable that is there twice the
// first counts, as for getenv(3). What no program can be given is left out.
func (e Env) With(environ []string) Env {
	e.vars = []string{}
	known := map[string]bool{}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if name == "" || known[name] || strings.Contains(variable, "\x00") {
			continue
		}
		known[name] = true
		e.vars = append(e.vars, name+"="+value)
	}
	return e
}

// In returns the environment in a directory.
func (e Env) In(dir string) Env {
	e.dir = newPlace(dir)
	return e
}

// Dir returns the directory, "" if it is this process's and gone.
func (e Env) Dir() string {
	if e.dir != nil {
		return e.dir.path
	}
	dir, _ := os.Getwd()
	return dir
}

// Environ returns a copy of the variables, in the form of os.Environ.
func (e Env) Environ() []string {
	if e.vars == nil {
		return os.Environ()
	}
	return slices.Clone(e.vars)
}

// Lookup returns the value of a variable, and whether it is set.
func (e Env) Lookup(name string) (value string, set bool) {
	if e.vars == nil {
		return os.LookupEnv(name)
	}
	for _, variable := range e.vars {
		if is, value, _ := strings.Cut(variable, "="); is == name {
			return value, true
		}
	}
	return "", false
}

// Get returns the value of a variable, "" if it is not set.
func (e Env) Get(name string) string {
	value, _ := e.Lookup(name)
	return value
}

// Path returns what a file's name means in the directory.
func (e Env) Path(name string) string {
	if e.dir == nil || name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(e.dir.path, name)
}

// Command is exec.CommandContext in the environment: the program is looked for
// in its PATH. Where the directory cannot be entered, the program runs in that of
// this process.
func (e Env) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	if e.vars != nil {
		cmd.Env = e.Environ()
		if filepath.Base(name) == name {
			cmd.Path, cmd.Err = e.LookPath(name)
		}
	}
	if e.dir != nil && e.dir.open() {
		cmd.Dir = e.dir.path
	}
	return cmd
}

// LookPath is exec.LookPath in the environment.
func (e Env) LookPath(program string) (string, error) {
	switch {
	case strings.Contains(program, "/"):
		return exec.LookPath(e.Path(program))
	case e.vars == nil:
		return exec.LookPath(program)
	}
	for _, dir := range filepath.SplitList(e.Get("PATH")) {
		path := filepath.Join(dir, program)
		relative := !filepath.IsAbs(path)
		if relative {
			path = "./" + path
		}
		switch _, err := exec.LookPath(e.Path(path)); {
		case err != nil:
		case relative:
			return path, &exec.Error{Name: program, Err: exec.ErrDot}
		default:
			return path, nil
		}
	}
	return program, &exec.Error{Name: program, Err: exec.ErrNotFound}
}
