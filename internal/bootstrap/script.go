package bootstrap

import (
	"bytes"
	_ "embed"
	"strings"
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

// A task is what is to be done about the dotfiles of a home.
type task struct {
	extra   string // what the script needs beside files.sh and orders.sh
	plan    func(home) []step
	preview bool // nothing is to be written
}

// The tasks. What only some of them need travels only for them: a set-up is
// part of every launch.
var (
	settingUp      = task{plan: plan}
	undoing        = task{extra: FindAgent + undoScript, plan: planUndo}
	previewSetup   = task{extra: checkScript, plan: plan, preview: true}
	previewUndoing = task{extra: FindAgent + undoScript + checkScript, plan: planUndo, preview: true}
)

// script returns what the remote's shell is to read.
func (t task) script() []byte {
	return []byte(Opening + "{\n" + stripped(filesScript+t.extra+ordersScript) + "}\n")
}

// stripped returns a script without its comments, empty lines and indentation.
// No string in our scripts goes over several lines, but for one of a line's end
// alone.
func stripped(script string) string {
	var b bytes.Buffer
	for line := range strings.Lines(script) {
		line = strings.TrimLeft(line, " ")
		if line != "\n" && !strings.HasPrefix(line, "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}
