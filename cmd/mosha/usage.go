package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/mosha-ssh/mosha/internal/child"
	"github.com/mosha-ssh/mosha/internal/explain"
	"github.com/mosha-ssh/mosha/internal/sshconfig"
	"github.com/mosha-ssh/mosha/internal/sshconn"
)

// What is wrong with a command line, in one line, with the nearest word that
// would have been right as its hint.

// wrongWord is a value that is none of the words that a flag takes.
func wrongWord(flag, value string, words []string) *explain.Failure {
	message := fmt.Sprintf("%s takes %s, not %q", flag, strings.Join(words, ", "), value)
	return &explain.Failure{Message: message, Hint: didYouMean(nearest(value, words))}
}

var (
	// shortNames are mosh's flags that have one letter only, as the parser calls
	// them.
	shortNames = regexp.MustCompile(`--([aAnLRD46])\b`)
	// unknownFlag and badWord are the parser's words, which its error types do
	// not tell apart.
	unknownFlag = regexp.MustCompile(`^unknown flag (-[^,]*)`)
	badWord     = regexp.MustCompile(`must be one of ("[^ ]*") but got ("[^"]*")`)
	noValue     = regexp.MustCompile(`^(-[^ :]*): (?:missing value, |expected .* value but got (?:"EOL"|"-.* \(.* flag\)))`)
	noHost      = regexp.MustCompile(`^expected "<host>`)
)

// misuse puts the parser's complaint into words.
func misuse(parse *kong.ParseError) *explain.Failure {
	message, hint := shortNames.ReplaceAllString(parse.Error(), "-$1"), ""
	command := parse.Context.Selected()
	if command != nil && command.Hidden {
		return ownCommand(command.Name)
	}
	if command != nil {
		message = strings.TrimPrefix(message, command.Name+": ")
	}
	var own *explain.Failure
	if flag := unknownFlag.FindStringSubmatch(message); flag != nil {
		message, hint = noSuchFlag(flag[1], parse.Context)
	} else if flag := noValue.FindStringSubmatch(message); flag != nil {
		message = flag[1] + " needs a value"
	} else if noHost.MatchString(message) && command != nil {
		message = "which host? mosha " + command.Name + " takes [user@]host"
	} else if errors.As(parse, &own) {
		message, hint = own.Message, own.Hint
	} else if word := badWord.FindStringSubmatch(message); word != nil {
		words := strings.Split(strings.ReplaceAll(word[1], `"`, ""), ",")
		hint = didYouMean(nearest(strings.Trim(word[2], `"`), words))
	}
	if hint == "" && command != nil && command != parse.Context.Model.DefaultCmd {
		hint = "mosha " + command.Name + " --help lists what there is"
	}
	return explain.Usage(message, hint)
}

// noSuchFlag says that there is no such flag, which may be one of ssh's.
func noSuchFlag(flag string, ctx *kong.Context) (message, hint string) {
	name := flag
	if isSetting(ctx.Args) {
		name = "-o"
	}
	if message, hint, ok := ofSSH(name); ok {
		return message, hint
	}
	return "unknown flag " + flag, didYouMean(nearest(flag, flagNames(ctx)))
}

// ownCommand is a command that mosha runs itself. The person may mean a host.
func ownCommand(name string) *explain.Failure {
	return explain.Usage(fmt.Sprintf("mosha %s is what mosha runs by itself", name), "for a host of that name: mosha connect "+name)
}

func didYouMean(word string) string {
	if word == "" {
		return ""
	}
	return "did you mean " + word + "?"
}

// flagNames are those of the command that was given, or else of a launch.
func flagNames(ctx *kong.Context) []string {
	node := ctx.Selected()
	if node == nil {
		node = ctx.Model.DefaultCmd
	}
	var names []string
	for _, group := range node.AllFlags(true) {
		for _, flag := range group {
			names = append(names, shortNames.ReplaceAllString("--"+flag.Name, "-$1"))
			if flag.Tag.Negatable != "" {
				names = append(names, "--no-"+flag.Name)
			}
		}
	}
	return names
}

// commandNames are those that a person may type.
func commandNames(app *kong.Application) []string {
	var names []string
	for _, command := range app.Children {
		if !command.Hidden {
			names = append(names, command.Name)
		}
	}
	return names
}

// nearest returns the word that a person is most likely to have meant, "" if
// none is near: one with two slips of the hand at most, or that begins so.
func nearest(typed string, words []string) string {
	best, least := "", 1+min(2, len(strings.TrimLeft(typed, "-"))/3)
	for _, word := range words {
		slips := slipsBetween(typed, word)
		if len(strings.TrimLeft(typed, "-")) > 2 && strings.HasPrefix(word, typed) {
			slips = 1
		}
		if slips < least {
			best, least = word, slips
		}
	}
	return best
}

// slipsBetween counts letters that are missing, too many, wrong, or exchanged
// with their neighbour (the optimal string alignment distance).
func slipsBetween(a, b string) int {
	before, row := []int(nil), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next := make([]int, len(b)+1)
		next[0] = i
		for j := 1; j <= len(b); j++ {
			wrong := 1
			if a[i-1] == b[j-1] {
				wrong = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+wrong)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}

// orTypo adds to a failure that the destination may have been meant as a
// command: there is no such host, nor does ssh_config know the name.
func (c *connectCmd) orTypo(err error, ctx *kong.Context) error {
	if slices.Contains(ctx.Args, "connect") { // a host was meant
		return err
	}
	command := nearest(c.Host, commandNames(ctx.Model))
	var resolve *sshconn.ResolveError
	if command == "" || !errors.As(err, &resolve) && !errors.Is(err, errNoTerminal) {
		return err
	}
	words, failure := sshconfig.Words(c.SSH)
	if failure != nil {
		return err
	}
	config, failure := sshconfig.Resolve(context.Background(), child.Env{}, words, c.Host)
	if failure != nil || config.HostName != c.Host || config.ProxyCommand != "" || config.ProxyJump != "" {
		return err
	}
	f := explain.Error(err)
	f.Hint = didYouMean("`mosha " + command + "`")
	return &f
}
