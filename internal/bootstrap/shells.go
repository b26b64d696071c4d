package bootstrap

import (
	"bytes"
	"path"
	"regexp"
	"slices"
)

// The files that are written, and for which shells, in their home directory
// unless the first word says another. files.sh knows them too.
const (
	rcName      = ".ssh/rc"
	bashrcName  = ".bashrc"
	profileName = ".profile"
	zshenvName  = ".zshenv"
	zdotName    = "ZDOTDIR/.zshenv"
	fishName    = ".config/fish/conf.d/mosha.fish"
	xdgFishName = "XDG_CONFIG_HOME/fish/conf.d/mosha.fish"
	tcshrcName  = ".tcshrc"
	cshrcName   = ".cshrc"
)

var (
	// loginNames are the files of which a login bash reads the first there is.
	loginNames = []string{".bash_profile", ".bash_login", profileName}
	// envNames are what people have $ENV name, which shells of the sh family
	// read at a prompt.
	envNames = []string{".shrc", ".ashrc", ".kshrc", ".mkshrc"}
	// listed are all of them. Undo takes them in this order.
	listed = slices.Concat([]string{rcName, bashrcName}, loginNames,
		[]string{zshenvName, zdotName, fishName, xdgFishName, tcshrcName, cshrcName}, envNames)
)

// profileShells are those of the sh family that read ~/.profile at a login.
var profileShells = []string{"sh", "dash", "ash", "busybox", "ksh", "ksh93", "mksh", "lksh", "oksh", "loksh", "pdksh", "posh"}

// SetsUp reports whether Setup has files for a login shell, by its name.
func SetsUp(shell string) bool {
	return slices.Contains(append([]string{"bash", "rbash", "zsh", "fish", "tcsh", "csh"}, profileShells...), shell)
}

// shown returns a file's name as a person would write it.
func shown(name string) string {
	switch name {
	case zdotName, xdgFishName:
		return "$" + name
	}
	return "~/" + name
}

// plan decides what the files of a home need. ~/.bashrc counts where bash is
// not the login shell too, if it is there: a shell that is not a login shell
// may be started from it.
func plan(h home) []step {
	steps := []step{planFile(rcName, h.files[rcName], rcAloneBody, rcBody)}
	shell := path.Base(h.shell)
	bash := shell == "bash" || shell == "rbash"
	bashrc, ok := h.files[bashrcName]
	if ok && (bash || bashrc.kind != missing) {
		steps = append(steps, planFile(bashrcName, bashrc, envBody, envBody))
	}
	switch {
	case bash:
		return append(steps, planLogin(h, len(steps) > 1 && steps[1].action != Skipped)...)
	case shell == "zsh":
		return append(steps, planFirst(h, envBody, zdotName, zshenvName)...)
	case shell == "fish":
		return append(steps, planFirst(h, fishBody, xdgFishName, fishName)...)
	case shell == "tcsh":
		return append(steps, planCsh(h)...)
	case shell == "csh":
		return append(steps, planFirst(h, cshBody, cshrcName)...)
	case slices.Contains(profileShells, shell):
		return append(steps, planKsh(h)...)
	}
	return steps
}

// planFirst decides about the first of these files that was listed: the remote
// lists one, where there is a choice of places.
func planFirst(h home, body string, names ...string) []step {
	for _, name := range names {
		if f, ok := h.files[name]; ok {
			return []step{planFile(name, f, body, body)}
		}
	}
	return nil
}

// planCsh decides about the file that tcsh reads: ~/.tcshrc, or ~/.cshrc where
// that cannot be opened.
func planCsh(h home) []step {
	switch h.files[tcshrcName].kind {
	case "", missing, dangling, loop, unreadable:
		return planFirst(h, cshBody, cshrcName)
	}
	return planFirst(h, cshBody, tcshrcName)
}

// planKsh decides about the files of a shell of the sh family: ~/.profile at a
// login, and at a prompt what $ENV names. Where it leads only the shell itself
// knows, so of the usual names those count that are there.
func planKsh(h home) []step {
	steps := planFirst(h, envBody, profileName)
	for _, name := range envNames {
		if f, ok := h.files[name]; ok && f.kind != missing && f.kind != dangling {
			steps = append(steps, planFile(name, f, envBody, envBody))
		}
	}
	return steps
}

// planLogin decides about the file that a login bash reads. One that leads to
// ~/.bashrc, by itself and not in a function to be called, needs nothing. Any other gets the same block as ~/.bashrc: reading
// a ~/.bashrc that its owner keeps out of login shells would change more than
// the agent. Where there is none, one is created if there is a ~/.bashrc for it
// to lead to.
func planLogin(h home, bashrc bool) []step {
	for _, name := range loginNames {
		f := h.files[name]
		// bash passes over a dangling link, and stops at anything else, even
		// at what it cannot read.
		if f.kind == "" || f.kind == missing || f.kind == dangling {
			continue
		}
		_, marked := findBlock(f.content)
		if !marked && leadsToBashrc(f.content) {
			return nil
		}
		return []step{planFile(name, f, profileBody, envBody)}
	}
	if !bashrc {
		return nil
	}
	return planFirst(h, profileBody, profileName)
}

// sourcesBashrc matches a command that reads ~/.bashrc: `. ~/.bashrc`, `source
// "$HOME/.bashrc"`, also behind a condition, but not /etc/bash.bashrc.
var sourcesBashrc = regexp.MustCompile(`(?:^|[\s;&|{(])(?:\.|source)\s+["']?(?:[^\s"';&|#]*["']?/["']?)?\.bashrc(?:[\s"';&|)}]|$)`)

// notRun is behind what a login shell does not run by itself: a comment, the
// definition of a function, an alias.
var notRun = regexp.MustCompile(`(?:^|\s)#|(?:^|[\s;&|{(])(?:function\s|alias\s|[^\s(){};&|"'$=]+\s*\(\s*\))`)

// leadsToBashrc tells whether a login file reads ~/.bashrc. What is not clear
// does not count, such as all that follows a brace without its pair: a block
// too many does no harm.
func leadsToBashrc(content []byte) bool {
	var body functionBody
	for line := range lines(content) {
		text := bytes.TrimSpace(content[line.start:line.end])
		if body.takes(text) {
			continue
		}
		if at := notRun.FindIndex(text); at != nil {
			body.begin(text[at[0]:])
			text = text[:at[0]]
		}
		if sourcesBashrc.Match(text) {
			return true
		}
	}
	return false
}

// functionBody is where a function's body begins and ends, by its braces.
type functionBody struct {
	awaited bool // the opening brace is yet to come
	depth   int  // how many braces are open
}

// begin takes what notRun found, to the end of its line.
func (b *functionBody) begin(text []byte) {
	text = bytes.TrimSpace(text)
	if !bytes.HasPrefix(text, []byte("#")) && !bytes.HasPrefix(text, []byte("alias")) {
		b.awaited = true
		b.takes(text)
	}
}

// takes tells whether a line is part of a body.
func (b *functionBody) takes(text []byte) bool {
	if !b.awaited && b.depth == 0 {
		return false
	}
	opened := bytes.Count(text, []byte("{"))
	b.awaited = b.awaited && opened == 0
	b.depth = max(0, b.depth+opened-bytes.Count(text, []byte("}")))
	return true
}
