//go:build linux

package lab

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
)

// Version is that of an OpenSSH: 9.2 is {9, 2}.
type Version struct{ Major, Minor int }

// AtLeast reports whether v is this version or a later one.
func (v Version) AtLeast(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

var versionPattern = regexp.MustCompile(`OpenSSH_(\d+)\.(\d+)`)

// sshdVersion asks the place's sshd. One before 9.3 knows no -V, and says its
// version with the options that it does know.
func sshdVersion(p *place) (Version, error) {
	program, err := findProgram("sshd")
	if err != nil {
		return Version{}, err
	}
	out, err := newCmd(context.Background(), p, program, "-V").CombinedOutput()
	found := versionPattern.FindStringSubmatch(string(out))
	if found == nil {
		return Version{}, fmt.Errorf("sshd -V: %w: %q", err, out)
	}
	var v Version
	v.Major, _ = strconv.Atoi(found[1])
	v.Minor, _ = strconv.Atoi(found[2])
	return v, nil
}
