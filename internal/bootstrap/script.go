package bootstrap

import (
	_ "embed"

	"github.com/mosha-ssh/mosha/internal/remotesh"
)

var (
	//go:embed files.sh
	filesScript string
	//go:embed undo.sh
	undoScript string
	//go:embed check.sh
	checkScript string
	//go:embed orders.sh
	ordersScript string
)

// A task is what to do about the dotfiles of a home.
type task struct {
	extra   string // what the script needs beside files.sh and orders.sh
	plan    func(home) []step
	preview bool // it writes nothing
}

// The tasks. Their scripts have no more than they need: a set-up is part of
// every launch.
var (
	settingUp      = task{plan: plan}
	undoing        = task{extra: remotesh.FindAgent + undoScript, plan: planUndo}
	previewSetup   = task{extra: checkScript, plan: plan, preview: true}
	previewUndoing = task{extra: remotesh.FindAgent + undoScript + checkScript, plan: planUndo, preview: true}
)

// script returns the script of the task.
func (t task) script() []byte {
	return []byte(remotesh.Opening + "{\n" + remotesh.Strip(filesScript+t.extra+ordersScript) + "}\n")
}
