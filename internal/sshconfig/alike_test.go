package sshconfig

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/mosha-ssh/mosha/internal/child"
)

// TestNamesAsSSH: what ssh takes for a user or a host, from the file or from
// its command line, is taken, and nothing else.
func TestNamesAsSSH(t *testing.T) {
	names := []string{"pat.o'brien", "a|b", "ops(root)", "a b", "-x", "a -x", `CORP\pat`, `a\`, "a`id`", "$x", "x;y", "u@corp", "plain", "a&b", "a<b>", "{a}"}
	for _, name := range names {
		quoted := strings.NewReplacer(`\`, `\\`).Replace(name)
		for place, ssh := range map[string][]string{
			"User":      sshWith(t, fmt.Sprintf("User %q\n", name)),
			"HostName":  sshWith(t, fmt.Sprintf("User u\nHostName \"%s\"\n", quoted)),
			"-l":        append(sshWith(t, ""), "-l", name),
			"-o User":   append(sshWith(t, ""), "-o", "User="+name),
			"user@host": sshWith(t, ""),
		} {
			dest := "h"
			if place == "user@host" {
				dest = name + "@h"
			}
			if dest[0] == '-' {
				continue
			}
			c, err := Resolve(t.Context(), child.Env{}, ssh, dest)
			out, failed := exec.Command(ssh[0], append(ssh[1:], "-G", "-T", "--", dest)...).Output()
			if (err != nil) != (failed != nil) {
				t.Errorf("%s %s: %v, and of ssh: %v", place, name, err, failed)
			}
			if err != nil || failed != nil {
				continue
			}
			said := regexp.MustCompile(`(?m)^user (.*)$`).FindStringSubmatch(string(out))
			if c.User != said[1] {
				t.Errorf("%s %s: %q, and of ssh: %q", place, name, c.User, said[1])
			}
		}
	}
}

// TestSessionOptions: an option about what the session is to do keeps nobody
// from finding out what the rest of the configuration says.
func TestSessionOptions(t *testing.T) {
	for _, config := range []string{
		"ForkAfterAuthentication yes", "ForkAfterAuthentication yes\nStdinNull yes", "ForkAfterAuthentication yes\nSessionType none",
		"ForkAfterAuthentication yes\nSessionType subsystem", "ForkAfterAuthentication yes\nRemoteCommand date", "ForkAfterAuthentication yes\nRequestTTY force",
		"StdinNull yes", "SessionType none", "SessionType subsystem", "SessionType subsystem\nRemoteCommand sftp",
		"RemoteCommand date", "RemoteCommand date\nRequestTTY force", "RequestTTY no", "ControlMaster auto\nControlPersist yes\nForkAfterAuthentication yes",
	} {
		for _, options := range []string{"", "-f", "-N", "-n", "-T", "-f -N", "-fnT"} {
			ssh := append(sshWith(t, config+"\nPort 2200\nIdentityFile /%C\n"), strings.Fields(options)...)
			c, err := Resolve(t.Context(), child.Env{}, ssh, "h")
			if err != nil {
				t.Errorf("%s, %s: %v", config, options, err)
			} else if c.Port != 2200 || strings.Contains(c.IdentityFiles[0], "%") {
				t.Errorf("%s, %s: %+v", config, options, c)
			}
		}
	}
	// An ssh that needs a word of the command itself says so.
	_, err := Resolve(t.Context(), child.Env{}, append(sshWith(t, ""), "-s"), "h")
	if refused := (*SSHError)(nil); !errors.As(err, &refused) || refused.Message == "" {
		t.Errorf("-s: %v", err)
	}
}
