package report

import "strings"

// pageTable is a table of a page.
type pageTable struct {
	Class string
	Heads []pageCell
	Rows  []pageRow
}

// pageRow is a row. ID is its anchor, "" for none.
type pageRow struct {
	ID    string
	Cells []pageCell
}

// pageCell is a cell. Class is a CSS class, "" for none.
type pageCell struct{ Class, Text, Href string }

// newPageTable returns a table without rows. It has the columns that people see.
func newPageTable(class string, shapes []shape) pageTable {
	t := pageTable{Class: class}
	for _, s := range shapes {
		if s.head != "" {
			t.Heads = append(t.Heads, pageCell{Text: s.head, Class: map[bool]string{true: "n"}[s.right]})
		}
	}
	return t
}

// pageCells returns the cells of the columns that people see.
func (p *Pages) pageCells(shapes []shape, values []value) (cells []pageCell) {
	for i, v := range values {
		if shapes[i].head == "" {
			continue
		}
		c := pageCell{Text: strings.TrimSpace(show(v, p.style.zone()))}
		switch v := v.(type) {
		case state:
			c.Class = strings.TrimSpace("s " + stateClass(v))
		case below:
			c.Class = "below"
		default:
			if shapes[i].right {
				c.Class = "n"
			}
			if c.Text == "0" {
				c.Class = "n z"
			}
		}
		cells = append(cells, c)
	}
	return cells
}

// stateClass returns the CSS class of a state.
func stateClass(s state) string {
	switch {
	case s == stateHealthy:
		return "ok"
	case colours[s] == "31":
		return "bad"
	case colours[s] == "33":
		return "warn"
	}
	return ""
}
