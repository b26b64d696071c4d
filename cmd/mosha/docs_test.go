package main

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/mosha-ssh/mosha/internal/keeper/control"
)

// readDoc returns a document of the repository.
func readDoc(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestReferenceIsComplete: docs/reference.md names every command, every flag, and
// every field of what is printed as JSON.
func TestReferenceIsComplete(t *testing.T) {
	reference := readDoc(t, "docs/reference.md")
	names := func(what string) {
		t.Helper()
		if !regexp.MustCompile("[`(]" + what + "\\b").MatchString(reference) {
			t.Errorf("docs/reference.md does not name %s", what)
		}
	}
	app, err := kong.New(&cli{}, kong.Vars{"version": ""})
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range app.Model.Children {
		if command.Hidden {
			continue
		}
		names("mosha " + command.Name)
		for _, flag := range command.Flags {
			if len(flag.Name) == 1 {
				names("-" + flag.Name)
			} else {
				names("--" + flag.Name)
			}
		}
	}
	for _, printed := range []any{control.Status{}, jsonCheck{}} {
		for i := range reflect.TypeOf(printed).NumField() {
			tag, _, _ := strings.Cut(reflect.TypeOf(printed).Field(i).Tag.Get("json"), ",")
			names(tag)
		}
	}
}

// TestFlowsNameWhatIs: the flows in docs/design.md name functions and types that
// the code has.
func TestFlowsNameWhatIs(t *testing.T) {
	_, flows, _ := strings.Cut(readDoc(t, "docs/design.md"), "## Three flows")
	flows, _, _ = strings.Cut(flows, "\n## ")
	declared := map[string]bool{}
	declaration := regexp.MustCompile(`(?m)^(?:func (?:\((?:\w+ )?\*?(\w+)\) )?|type )(\w+)`)
	for _, dir := range []string{"../../cmd", "../../internal"} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, found := range declaration.FindAllStringSubmatch(string(text), -1) {
				declared[found[2]] = true
				declared[cmp.Or(found[1], filepath.Base(filepath.Dir(path)))+"."+found[2]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, quoted := range regexp.MustCompile("`([A-Za-z.]+)`").FindAllStringSubmatch(flows, -1) {
		if !declared[quoted[1]] {
			t.Errorf("docs/design.md names %s", quoted[1])
		}
	}
}

// TestDocs: links lead to files and headings that are there, and the documents
// that are to be short are.
func TestDocs(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^):]*?)(?:#([^)]*))?\)`)
	heading := regexp.MustCompile(`(?m)^#+ (.*)$`)
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "docs/design.md", "docs/reference.md"} {
		for _, l := range link.FindAllStringSubmatch(readDoc(t, name), -1) {
			target := name
			if l[1] != "" {
				target = filepath.Join(filepath.Dir(name), l[1])
			}
			there := l[2] == ""
			for _, h := range heading.FindAllStringSubmatch(readDoc(t, target), -1) {
				there = there || strings.ReplaceAll(strings.ToLower(h[1]), " ", "-") == l[2]
			}
			if !there {
				t.Errorf("%s: %s leads nowhere", name, l[0])
			}
		}
	}
	if words := len(strings.Fields(readDoc(t, "README.md"))); words > 1300 {
		t.Errorf("README.md has %d words", words)
	}
	lines := strings.Split(strings.TrimSuffix(readDoc(t, "docs/design.md"), "\n"), "\n")
	if len(lines) > 200 {
		t.Errorf("docs/design.md has %d lines", len(lines))
	}
	for i, line := range lines {
		if len(line) > 100 {
			t.Errorf("docs/design.md:%d has %d columns", i+1, len(line))
		}
	}
}
