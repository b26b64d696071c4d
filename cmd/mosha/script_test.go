package main

import (
	"flag"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets more tests run at once than there are processors: those of
// outages mostly wait.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "8"); err != nil { // the command line may say otherwise
		panic(err)
	}
	testscript.Main(m, map[string]func(){"mosha": func() { os.Exit(run()) }})
}

// TestScripts runs the command line's scripts in testdata/script against the
// program itself.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			// A socket's path is short, and $WORK may not be.
			dir, err := os.MkdirTemp("/tmp", "mosha-script-")
			if err != nil {
				return err
			}
			env.Defer(func() { _ = os.RemoveAll(dir) })
			env.Setenv("XDG_RUNTIME_DIR", dir)
			env.Setenv("HOME", env.Getenv("WORK"))
			return nil
		},
	})
}
