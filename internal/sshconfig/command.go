package sshconfig

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/mosha-ssh/mosha/internal/child"
)

// The words of the ssh command, as --ssh has them:
//
//	nice -n 5 /usr/bin/ssh -p 2222    my-ssh -p 2222
//	'------program-------' options    program options
//
// mosha runs the program as it is: what is in front of ssh may have a network
// of its own for it (torsocks, ip netns exec), and so may a script in its
// place.

// Program returns the ssh command without its options.
func (c *Config) Program() []string { return c.SSH[:programLength(c.SSH)] }

// programLength is how many words of an ssh command are before ssh's options.
// They end with the first ssh that nothing but options follow, since a value of
// the program in front may be that word, too. Without a word ssh, as many words
// as possible are options.
func programLength(words []string) int {
	for i, word := range words {
		if isSSH(word) && onlyOptions(words[i+1:]) {
			return i + 1
		}
	}
	n := min(1, len(words))
	for !onlyOptions(words[n:]) {
		n++
	}
	return n
}

func isSSH(word string) bool { return filepath.Base(word) == "ssh" }

// front returns what runs ssh: the program that the words begin with, unless
// that is ssh itself; or the variable by which the system's loader puts a
// library into ssh (ld.so(8), dyld(1)), as torsocks and proxychains do. env is
// where it runs.
func front(words []string, env child.Env) string {
	if programLength(words) > 1 || !isSSH(words[0]) || !isBinary(words[0], env) {
		return words[0]
	}
	for _, name := range []string{"LD_PRELOAD", "DYLD_INSERT_LIBRARIES"} {
		if env.Get(name) != "" {
			return name
		}
	}
	return ""
}

// isBinary reports whether a program is there and is no script, which may do
// anything before it becomes ssh. One that cannot be read may be a script.
func isBinary(program string, env child.Env) bool {
	path, err := env.LookPath(program)
	if err != nil {
		return false
	}
	file, err := os.Open(env.Path(path))
	if err != nil {
		return false
	}
	defer file.Close()
	begin := make([]byte, 2)
	_, err = io.ReadFull(file, begin)
	return err == nil && string(begin) != "#!"
}

// configFile returns the value of -F among the user's ssh options, "" if there
// is none.
func configFile(words []string) string {
	file := ""
	eachOption(words, func(option byte, value string) {
		if option == 'F' {
			file = value
		}
	})
	return file
}

// withValue are the options of ssh(1) that take a value.
const withValue = "BDEFIJLOPQRSWbceilmopw"

// eachOption calls f for each option in an ssh command's words, with its value
// if it takes one.
func eachOption(words []string, f func(option byte, value string)) {
	rest := words[programLength(words):]
	for len(rest) > 0 {
		rest = takeOptions(rest, f)
	}
}

// onlyOptions reports whether the words are nothing but options of ssh(1).
func onlyOptions(words []string) bool {
	for len(words) > 0 {
		if !isOption(words[0]) {
			return false
		}
		words = takeOptions(words, func(byte, string) {})
	}
	return true
}

func isOption(word string) bool { return len(word) > 1 && word[0] == '-' && word != "--" }

// takeOptions calls f for each option in the first word, and returns the words
// behind that and its value.
func takeOptions(words []string, f func(option byte, value string)) []string {
	word, rest := words[0], words[1:]
	if !isOption(word) {
		return rest
	}
	for i := 1; i < len(word); i++ {
		if !strings.Contains(withValue, word[i:i+1]) {
			f(word[i], "")
			continue
		}
		value := word[i+1:]
		if value == "" && len(rest) > 0 {
			value, rest = rest[0], rest[1:]
		}
		f(word[i], value)
		break
	}
	return rest
}
