package bootstrap

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/mosha-ssh/mosha/internal/remotesh"
)

// A block in a file is
//
//	# >>> mosha VERSION [new[+N]] CHECKSUM >>>
//	the body's lines
//	# <<< mosha <<<
//
// VERSION grows with every change of a body. "new" says that the file did not
// exist before, "new+2" that the two directories it is in did not either.
// CHECKSUM is cksum's of the body. It tells a block that was edited by hand
// from one of an older version.
const (
	blockVersion = 6
	beginPrefix  = "# >>> mosha"
	beginSuffix  = " >>>"
	endLine      = "# <<< mosha <<<"
	maxVersion   = 9999
	maxDirs      = 8 // that set-up makes for a file
)

var (
	//go:embed blocks/env.sh
	envFile string
	//go:embed blocks/env.fish
	fishFile string
	//go:embed blocks/env.csh
	cshFile string
	//go:embed blocks/profile.sh
	profileFile string
	//go:embed blocks/rc.sh
	rcFile string
	//go:embed blocks/rc_alone.sh
	rcAloneFile string
)

// The bodies by what they are for.
var (
	envBody     = body(envFile)              // sets SSH_AUTH_SOCK, in the language of sh
	fishBody    = body(fishFile)             // the same for fish
	cshBody     = body(cshFile)              // the same for csh and tcsh
	profileBody = body(profileFile)          // a ~/.profile that we create
	rcBody      = rc()                       // sets the link, in a ~/.ssh/rc that had content
	rcAloneBody = rcBody + body(rcAloneFile) // a ~/.ssh/rc that we create
)

// body returns what follows the first empty line of an embedded file: the lines
// before it are for its reader and for shellcheck.
func body(file string) string {
	_, body, _ := strings.Cut(file, "\n\n")
	return body
}

// rc returns the body of rc.sh with the functions that it shares with the holder.
func rc() string {
	return strings.NewReplacer(
		"  # socket.sh\n", indented(body(remotesh.Socket)), "  # loops.sh\n", indented(body(remotesh.Loops)),
	).Replace(body(rcFile))
}

func indented(lines string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		if line != "\n" {
			b.WriteString("  " + line)
		}
	}
	return b.String()
}

// header is a block's first line, read.
type header struct {
	version int
	origin
	checksum uint32
}

// origin says what a file was before its block.
type origin struct {
	created bool // it did not exist
	dirs    int  // nor did that many directories that it is in
}

func (o origin) String() string {
	switch {
	case o.dirs > 0:
		return fmt.Sprintf(" new+%d", o.dirs)
	case o.created:
		return " new"
	}
	return ""
}

func (h header) String() string {
	return fmt.Sprintf("%s %d%v %d%s", beginPrefix, h.version, h.origin, h.checksum, beginSuffix)
}

// parseHeader reads a block's first line. ok is false for a line that String
// does not make.
func parseHeader(line string) (h header, ok bool) {
	words := strings.Fields(line)
	if len(words) == 7 {
		dirs, more := strings.CutPrefix(words[4], "new+")
		n, err := strconv.Atoi(dirs)
		switch {
		case words[4] == "new":
		case more && err == nil && n > 0 && n <= maxDirs:
			h.dirs = n
		default:
			return header{}, false
		}
		h.created = true
		words = append(words[:4:4], words[5:]...)
	}
	if len(words) != 6 {
		return header{}, false
	}
	version, err := strconv.Atoi(words[3])
	if err != nil || version < 0 || version > maxVersion {
		return header{}, false
	}
	checksum, err := strconv.ParseUint(words[4], 10, 32)
	if err != nil {
		return header{}, false
	}
	h.version, h.checksum = version, uint32(checksum)
	return h, h.String() == line
}

// block returns a block of today's version around a body.
func block(body string, from origin) []byte {
	h := header{version: blockVersion, origin: from, checksum: cksum([]byte(body))}
	return []byte(h.String() + "\n" + body + endLine + "\n")
}
