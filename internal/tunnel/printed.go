package tunnel

import (
	"slices"
	"strconv"
	"strings"
)

// printedKinds are the kinds by ssh_config's keywords as ssh -G prints them.
var printedKinds = map[string]Kind{"localforward": Local, "remoteforward": Remote, "dynamicforward": Dynamic}

// IsPrinted reports whether a keyword of ssh -G's output is one of a tunnel.
func IsPrinted(keyword string) bool { return printedKinds[keyword] != "" }

// Printed reads the value of a line of ssh -G's output about a tunnel
// (readconf.c, dump_cfg_forwards). Errors are *SpecError.
//
//	localforward 8080 [localhost]:80
//	remoteforward [*]:9090 [socks]:0
//	localforward /tmp/with space /tmp/other
func Printed(keyword, value string) (Spec, error) {
	s := Spec{Kind: printedKinds[keyword]}
	bad := &SpecError{Kind: s.Kind, Text: value}
	if s.Kind == Dynamic {
		var ok bool
		if s.Listen, ok = printedListener(value); !ok || !s.valid() {
			return Spec{}, bad
		}
		return s, nil
	}
	for _, at := range spaces(value) {
		listen, ok := printedListener(value[:at])
		target, valid := printedEndpoint(value[at+1:])
		if s.Kind == Remote && target == (Endpoint{Host: "socks"}) {
			target = Endpoint{}
		} else if !valid || target.Path == "" && target.Port == 0 {
			continue
		}
		s.Listen, s.Target = listen, target
		if ok && s.valid() {
			return s, nil
		}
	}
	return Spec{}, bad
}

// spaces returns where the listener may end, the likeliest first. Paths are
// printed as they are, with their spaces; the second most likely begins with a
// slash, and else has none.
func spaces(value string) []int {
	var likely, others []int
	for i := range len(value) {
		switch {
		case value[i] != ' ':
		case strings.HasPrefix(value[i+1:], "/"), strings.HasPrefix(value[i+1:], "["):
			likely = append(likely, i)
		default:
			others = append(others, i)
		}
	}
	slices.Reverse(others)
	return append(likely, others...)
}

// printedListener reads an endpoint whose host may be empty.
func printedListener(text string) (Endpoint, bool) {
	if port, ok := strings.CutPrefix(text, "[]:"); ok {
		text = "[*]:" + port
	}
	return printedEndpoint(text)
}

// printedEndpoint reads port, [host]:port or path.
func printedEndpoint(text string) (e Endpoint, ok bool) {
	if port, err := strconv.ParseUint(text, 10, 16); err == nil {
		return Endpoint{Port: int(port)}, true
	}
	if end := strings.LastIndex(text, "]:"); end > 1 && text[0] == '[' {
		port, err := strconv.ParseUint(text[end+2:], 10, 16)
		return Endpoint{Host: text[1:end], Port: int(port)}, err == nil
	}
	return Endpoint{Path: text}, strings.Contains(text, "/")
}

// Sound removes from the tunnels that ssh -G has printed what is none: it
// prints the listener of each tunnel to a Unix socket a second time, as a
// dynamic one.
func Sound(specs []Spec) []Spec {
	return slices.DeleteFunc(slices.Clone(specs), func(s Spec) bool {
		return s.Kind == Dynamic && slices.ContainsFunc(specs, func(o Spec) bool {
			return o.Kind == Local && o.Listen == s.Listen && o.Target.Path != ""
		})
	})
}
