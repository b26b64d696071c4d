package bootstrap

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

// A block in a file is
//
//	# >>> mosha VERSION [new] CHECKSUM >>>
//	the body's lines
//	# <<< mosha <<<
//
// VERSION grows with every change of a body. "new" says that the file did not
// exist before. CHECKSUM is cksum's of the body, so that a block that was
// edited by hand is known from one of an older version.
const (
	blockVersion = 1
	beginPrefix  = "# >>> mosha"
	beginSuffix  = " >>>"
	endLine      = "# <<< mosha <<<"
	maxVersion   = 9999
)

var (
	//go:embed blocks/env.sh
	envFile string
	//go:embed blocks/profile.sh
	profileFile string
	//go:embed blocks/rc.sh
	rcFile string
	//go:embed blocks/rc_alone.sh
	rcAloneFile string
)

// The bodies by what they are for.
var (
	envBody     = body(envFile)              // sets SSH_AUTH_SOCK, in a file that had content
	profileBody = body(profileFile)          // a ~/.profile that we create
	rcBody      = body(rcFile)               // sets the link, in a ~/.ssh/rc that had content
	rcAloneBody = rcBody + body(rcAloneFile) // a ~/.ssh/rc that we create
)

// body returns what follows the first empty line of an embedded file: before
// it stand the words for its reader and for shellcheck.
func body(file string) string {
	_, body, _ := strings.Cut(file, "\n\n")
	return body
}

// header is a block's first line, read.
type header struct {
	version  int
	created  bool // the file did not exist before
	checksum uint32
}

func (h header) String() string {
	created := ""
	if h.created {
		created = " new"
	}
	return fmt.Sprintf("%s %d%s %d%s", beginPrefix, h.version, created, h.checksum, beginSuffix)
}

// parseHeader reads a block's first line; ok is false for a line that String
// does not make.
func parseHeader(line string) (h header, ok bool) {
	words := strings.Fields(line)
	if len(words) == 7 && words[4] == "new" {
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
func block(body string, created bool) []byte {
	h := header{version: blockVersion, created: created, checksum: cksum([]byte(body))}
	return []byte(h.String() + "\n" + body + endLine + "\n")
}
