package link

import "fmt"

// ForwardError reports that the session cannot use the agent, or not as other
// shells do. Reason is "refused" (the server forwards no agent), "unverified"
// (the host key is not the known one, so it is not to get at the agent), "link"
// (the link could not be set), "one session" (the server allows one on a
// connection, which mosh-server's start takes), "slow" (the login shell has not
// run the script that sets it yet), "holder" (that script did not run), "runtime"
// (the link is in XDG_RUNTIME_DIR, as it cannot be in ~/.ssh), or "socket" (nor
// can it be there, so that the session has the socket of the connection, and no
// agent after that).
type ForwardError struct {
	Reason  string
	OpenSSH bool  // the server is OpenSSH's sshd, whose sshd_config(5) may be the reason
	Err     error `json:"-"`
}

// Lacks reports whether sessions go without the agent, if only later.
func (e *ForwardError) Lacks() bool { return e.Reason != "runtime" }

func (e *ForwardError) Error() string {
	s := "agent forwarding: " + e.Reason
	switch e.Reason {
	case "runtime":
		s = "the link is in XDG_RUNTIME_DIR: ~/.ssh cannot be written to"
	case "socket":
		s = "the agent is there until the connection breaks: ~/.ssh cannot be written to"
	}
	if e.Err == nil {
		return s
	}
	return fmt.Sprintf("%s: %v", s, e.Err)
}

func (e *ForwardError) Unwrap() error { return e.Err }
