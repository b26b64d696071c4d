package tty

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// Table is one in columns, each as wide as its widest cell. The first column
// names the row.
type Table []Column

// Column is one of a table's.
type Column struct {
	Title string
	Spare int // from 1 on: the order in which columns are left out where there is no room
	cells []string
}

const (
	tableGap = 3 // blanks between two columns
	tight    = 2 // where room is short
	// minName is the least that is shown of a row's name while other columns
	// could be left out.
	minName = 12
)

// Add adds a row.
func (t Table) Add(cells ...string) {
	for i := range t {
		t[i].cells = append(t[i].cells, cells[i])
	}
}

// String returns the lines. None is wider than width, unless that is 0: columns
// move together, then some are left out, then names are cut.
func (t Table) String(width int) string {
	gap, name := tableGap, t[0].width()
	if width > 0 && t.width(name, gap) > width {
		gap = tight
		for next := 1; t.width(min(name, minName), gap) > width; next++ {
			i := slices.IndexFunc(t, func(c Column) bool { return c.Spare == next })
			if i < 0 {
				break
			}
			t = slices.Delete(slices.Clone(t), i, i+1)
		}
		name = max(min(name, name+width-t.width(name, gap)), 1)
	}
	var b strings.Builder
	for row := -1; row < len(t[0].cells); row++ {
		var line strings.Builder
		for i, c := range t {
			cell, most := c.cell(row), c.width()
			if i == 0 {
				cell, most = shortTo(cell, name), name
			}
			line.WriteString(cell + strings.Repeat(" ", most-utf8.RuneCountInString(cell)+gap))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

// cell is the one in this row; row -1 has the titles.
func (c Column) cell(row int) string {
	if row < 0 {
		return c.Title
	}
	return c.cells[row]
}

func (c Column) width() int {
	most := utf8.RuneCountInString(c.Title)
	for _, cell := range c.cells {
		most = max(most, utf8.RuneCountInString(cell))
	}
	return most
}

// width is that of all columns if names take so much.
func (t Table) width(name, gap int) int {
	all := name
	for _, c := range t[1:] {
		all += gap + c.width()
	}
	return all
}

// shortTo cuts a text to so many characters, and shows that it was cut.
func shortTo(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// Wrap is a text as lines of at most width, broken between words where it
// can be; what goes on is indented. A width of 0 is none.
func Wrap(text string, width int) string {
	const indent = "  "
	var b strings.Builder
	line := []rune(text)
	for width > 2*len(indent) && len(line) > width {
		end := width
		for i := width; i > len(indent); i-- {
			if line[i] == ' ' {
				end = i
				break
			}
		}
		b.WriteString(string(line[:end]) + "\n")
		line = []rune(indent + strings.TrimLeft(string(line[end:]), " "))
	}
	return b.String() + string(line) + "\n"
}
