package bootstrap

import (
	"bytes"
	"path"
	"regexp"
	"slices"
)

// The files that set-up writes: in the home directory, unless the first word
// names another. files.sh knows them too.
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
	// loginNames are the files of which a login bash reads the first that
	// exists.
	loginNames = []string{".bash_profile", ".bash_login", profileName}
	// envNames are what $ENV usually names; shells of the sh family read that
	// file at a prompt.
	envNames = []string{".shrc", ".ashrc", ".kshrc", ".mkshrc"}
	// listed are all of them, in Undo's order.
	listed = slices.Concat([]string{rcName, bashrcName}, loginNames,
		[]string{zshenvName, zdotName, fishName, xdgFishName, tcshrcName, cshrcName}, envNames)
)

// profileShells are the shells of the sh family that read ~/.profile at a
// login.
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

// plan decides what the files of a home need. A ~/.bashrc that exists counts
// even where bash is not the login shell: bash may be started from that shell.
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

// planFirst decides about the first of these files that the listing has: where
// there is a choice of places, the remote lists one.
func planFirst(h home, body string, names ...string) []step {
	for _, name := range names {
		if f, ok := h.files[name]; ok {
			return []step{planFile(name, f, body, body)}
		}
	}
	return nil
}

// planCsh decides about the file that tcsh reads: ~/.tcshrc, or ~/.cshrc where
// tcsh cannot open the former.
func planCsh(h home) []step {
	switch h.files[tcshrcName].kind {
	case "", missing, dangling, loop, unreadable:
		return planFirst(h, cshBody, cshrcName)
	}
	return planFirst(h, cshBody, tcshrcName)
}

// planKsh decides about the files of a shell of the sh family: ~/.profile at a
// login, and at a prompt what $ENV names. Only the shell itself knows where
// $ENV leads, so those of the usual names count that exist.
func planKsh(h home) []step {
	steps := planFirst(h, envBody, profileName)
	for _, name := range envNames {
		if f, ok := h.files[name]; ok && f.kind != missing && f.kind != dangling {
			steps = append(steps, planFile(name, f, envBody, envBody))
		}
	}
	return steps
}

// planLogin decides about the file that a login bash reads. One that reads
// ~/.bashrc by itself, not in a function, needs nothing. Any other gets the
// same block as ~/.bashrc: reading a ~/.bashrc that its owner keeps out of
// login shells would change more than the agent. Where there is no login file,
// planLogin creates one if there is a ~/.bashrc for it to read.
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

// notRun matches the beginning of what a login shell does not run by itself: a
// comment, the definition of a function, an alias.
var notRun = regexp.MustCompile(`(?:^|\s)#|(?:^|[\s;&|{(])(?:function\s|alias\s|[^\s(){};&|"'$=]+\s*\(\s*\))`)

// leadsToBashrc reports whether a login file reads ~/.bashrc. In doubt it does
// not, such as behind a brace without its pair: a block too many does no harm.
func leadsToBashrc(content []byte) bool {
	var body functionBody
	for line := range bytes.Lines(content) {
		text := bytes.TrimSpace(line)
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

// functionBody finds where a function's body begins and ends, by its braces.
type functionBody struct {
	awaited bool // the opening brace is yet to come
	depth   int  // how many braces are open
}

// begin takes what notRun matched, to the end of its line.
func (b *functionBody) begin(text []byte) {
	text = bytes.TrimSpace(text)
	if !bytes.HasPrefix(text, []byte("#")) && !bytes.HasPrefix(text, []byte("alias")) {
		b.awaited = true
		b.takes(text)
	}
}

// takes reports whether a line is part of a body.
func (b *functionBody) takes(text []byte) bool {
	if !b.awaited && b.depth == 0 {
		return false
	}
	opened := bytes.Count(text, []byte("{"))
	b.awaited = b.awaited && opened == 0
	b.depth = max(0, b.depth+opened-bytes.Count(text, []byte("}")))
	return true
}
