package bootstrap

import "testing"

// TestLeadsOutsideFunctions: what is only defined is not run.
func TestLeadsOutsideFunctions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"source \"$HOME/.bashrc\" # mine":                       true,
		"[ -f ~/.bashrc ] && { . ~/.bashrc; }":                  true,
		"[[ $- == *i* ]]&&. ~/.bashrc":                          true,
		"dirs=() n=$(date)\n. ~/.bashrc":                        true,
		"[ $# -eq 0 ] && . ~/.bashrc":                           true,
		debianProfile:                                           true,
		". ~/.bashrc; reload() { . ~/.bashrc; }":                true,
		"add() { PATH=${PATH}:$1; }; add ~/b\n. ~/.bashrc":      true,
		"add () {\n  case x in a) b ;; esac\n}\n. ~/.bashrc":    true,
		"function add {\n  { x; }\n}\nsource .bashrc\n":         true,
		"add()\n{\n  x\n}\n. ~/.bashrc":                         true,
		"# reload() {\n. ~/.bashrc":                             true,
		"alias l='f() { ls; '\n. ~/.bashrc":                     true,
		"umask 022 # then . ~/.bashrc":                          false,
		". /etc/bash.bashrc; . ~/.bashrc.local":                 false,
		"reload() { . ~/.bashrc; }":                             false,
		"x=1; reload () { . ~/.bashrc; }":                       false,
		"function reload { . ~/.bashrc; }":                      false,
		"\tfunction reload() (. ~/.bashrc)":                     false,
		"reload() {\n  if x; then { y; }\n    . ~/.bashrc\n  }": false,
		"reload()\n\n{\n  . ~/.bashrc\n}":                       false,
		"function reload # again\n{\r\n  . ~/.bashrc\r\n}\r\n":  false,
		"alias reload='clear; . ~/.bashrc'":                     false,
	} {
		if got := leadsToBashrc([]byte(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
