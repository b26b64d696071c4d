package auth

import "slices"

// openSSHOrder is the default of PreferredAuthentications (ssh_config(5)).
var openSSHOrder = []string{"gssapi-with-mic", "hostbased", "publickey", "keyboard-interactive", "password"}

// methods picks the next authentication method as OpenSSH does (sshconnect2.c,
// authmethod_get): the configuration's order, a method again until it has
// nothing more to try, and from the start when the server's list changes.
type methods struct {
	preferred []string
	enabled   map[string]bool

	supported []string // as the server said last
	rest      []string // of preferred, behind current
	current   string
}

func newMethods(preferred []string, enabled map[string]bool) *methods {
	if len(preferred) == 0 {
		preferred = openSSHOrder
	}
	return &methods{preferred: preferred, enabled: enabled}
}

// next returns the method to try now, "" if none is left.
func (m *methods) next(supported []string) string {
	if m.supported == nil || !slices.Equal(m.supported, supported) {
		m.supported, m.rest = supported, m.preferred
	} else if m.enabled[m.current] {
		return m.current
	}
	for len(m.rest) > 0 {
		name := m.rest[0]
		m.rest = m.rest[1:]
		if m.enabled[name] && slices.Contains(supported, name) {
			m.current = name
			return name
		}
	}
	m.current = ""
	return ""
}

// disable reports that a method has nothing more to try.
func (m *methods) disable(name string) { m.enabled[name] = false }
