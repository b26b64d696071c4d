package tunnel

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Kind is which way a tunnel goes.
type Kind string

// The kinds, by their options of ssh.
const (
	Local   Kind = "local"   // -L
	Remote  Kind = "remote"  // -R
	Dynamic Kind = "dynamic" // -D
)

// flags are ssh's options for each kind.
var flags = map[Kind]string{Local: "-L", Remote: "-R", Dynamic: "-D"}

// Spec is one tunnel as ssh's options name it. Equal specs are the same tunnel.
type Spec struct {
	Kind   Kind     `json:"kind"`
	Listen Endpoint `json:"listen"`
	Target Endpoint `json:"target,omitzero"` // zero: each client names its own, by SOCKS
}

// Endpoint is a TCP port or a Unix socket. Host "" is the default of a
// listener, and "*" all addresses.
type Endpoint struct {
	Host string `json:"host,omitempty"`
	Port int    `json:"port,omitempty"`
	Path string `json:"path,omitempty"`
}

// SpecError reports that ssh would not take a specification.
type SpecError struct {
	Kind Kind
	Text string
}

func (e *SpecError) Error() string {
	return fmt.Sprintf("%s: %q is no port forwarding", flags[e.Kind], e.Text)
}

// Limits of ssh's, in bytes.
const (
	maxHost = 1024
	maxPath = 107 // the shortest of the systems' has 103; ssh takes what its own has
)

// Parse reads the value of -L, -R or -D as ssh does (readconf.c,
// parse_forward), but for ${NAME} and percent tokens, which the caller
// expands. Errors are *SpecError.
//
//	[bind_address:]port:host:hostport    [bind_address:]port
//	[bind_address:]port:socket           socket
//	socket:host:hostport                 socket:socket
func Parse(kind Kind, text string) (Spec, error) {
	fields, ok := split(strings.TrimLeft(text, blank))
	if !ok || strings.ContainsRune(text, 0) {
		return Spec{}, &SpecError{Kind: kind, Text: text}
	}
	s := Spec{Kind: kind}
	rest := s.takeListener(fields)
	if !s.takeTarget(rest) || !s.valid() {
		return Spec{}, &SpecError{Kind: kind, Text: text}
	}
	return s, nil
}

// field is a part between colons.
type field struct {
	text string
	path bool
}

// split parts a specification at its colons. Brackets around a field and a
// backslash before a character take what they hold literally.
func split(text string) (fields []field, ok bool) {
	for text != "" && len(fields) < 4 {
		var f field
		if f, text, ok = cutField(text); !ok {
			return nil, false
		}
		fields = append(fields, f)
	}
	return fields, text == "" && len(fields) > 0
}

func cutField(text string) (f field, rest string, ok bool) {
	if text[0] == '[' {
		end := strings.IndexByte(text, ']')
		if end < 0 || end+1 < len(text) && text[end+1] != ':' {
			return f, "", false
		}
		f.text = text[1:end]
		f.path = strings.Contains(f.text, "/")
		return f, strings.TrimPrefix(text[end+1:], ":"), true
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			if i++; i == len(text) {
				return f, "", false
			}
		case '/':
			f.path = true
		case ':':
			f.text = b.String()
			return f, text[i+1:], true
		}
		b.WriteByte(text[i])
	}
	f.text = b.String()
	return f, "", true
}

// takeListener takes the fields of the listener, and returns the others.
func (s *Spec) takeListener(fields []field) []field {
	if fields[0].path {
		s.Listen.Path = fields[0].text
		return fields[1:]
	}
	behind := fields[1:]
	bound := len(fields) == 4 || len(fields) == 3 && fields[2].path || len(fields) == 2 && !fields[1].path
	if bound {
		s.Listen.Host = fields[0].text
		if s.Listen.Host == "" {
			s.Listen.Host = "*" // ssh's word for the same
		}
		fields, behind = behind, behind[1:]
	}
	s.Listen.Port = portOf(fields[0].text)
	return behind
}

// takeTarget takes the fields of the target, and reports whether they can be.
func (s *Spec) takeTarget(fields []field) bool {
	switch {
	case len(fields) == 0:
		return s.Kind != Local
	case s.Kind == Dynamic:
		return false
	case len(fields) == 1 && fields[0].path:
		s.Target.Path = fields[0].text
	case len(fields) == 2:
		s.Target = Endpoint{Host: fields[0].text, Port: portOf(fields[1].text)}
		return s.Target.Host != "" && s.Target.Port > 0
	default:
		return false
	}
	return true
}

func (s *Spec) valid() bool {
	port := s.Listen.Path != "" || s.Listen.Port > 0 || s.Listen.Port == 0 && s.Kind == Remote
	return port && s.Listen.valid() && s.Target.valid()
}

func (e Endpoint) valid() bool {
	return len(e.Host) <= maxHost && len(e.Path) <= maxPath
}

// blank is what C calls space.
const blank = " \t\n\v\f\r"

// portOf reads a port or the name of a service, -1 if it is neither.
func portOf(text string) int {
	text = strings.TrimLeft(text, blank)
	if text == "" {
		return -1
	}
	if port, err := strconv.ParseInt(text, 10, 64); err == nil {
		if port < 0 || port > 65535 {
			return -1
		}
		return int(port)
	}
	if port, err := net.LookupPort("tcp", text); err == nil {
		return port
	}
	return -1
}

// String is the specification as ssh takes it, without its option.
func (s Spec) String() string {
	if s.Target == (Endpoint{}) {
		return s.Listen.String()
	}
	return s.Listen.String() + ":" + s.Target.String()
}

// Flag is the specification as ssh takes it, with its option.
func (s Spec) Flag() string { return flags[s.Kind] + " " + s.String() }

// String is the endpoint as a part of a specification.
func (e Endpoint) String() string {
	switch {
	case e.Path != "":
		return quote(e.Path)
	case e.Host == "":
		return strconv.Itoa(e.Port)
	}
	return quote(e.Host) + ":" + strconv.Itoa(e.Port)
}

// quote writes a field so that it is read as it is.
func quote(text string) string {
	const special = `:\[` + blank
	switch {
	case !strings.ContainsAny(text, special):
		return text
	case !strings.Contains(text, "]"):
		return "[" + text + "]"
	}
	var b strings.Builder
	for _, c := range []byte(text) {
		if strings.IndexByte(special, c) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String()
}
