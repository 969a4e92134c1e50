package report

import (
	"io"
	"slices"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/tw"
)

// Limits of the memory for a table. tablewriter needs about eight times the size of its
// output.
const (
	maxPart  = 1 << 19 // bytes of the rows of one part
	maxCell  = 1000    // columns of a terminal for one cell
	cellCost = 32      // bytes of a cell besides its text
)

// tableRows writes an aligned table, or one in markdown. An answer may have any number of
// rows, so they are written in parts of at most maxPart. The first part decides which
// columns are shown and their least width. A wider cell in a later part widens its
// column in that part.
type tableRows struct {
	w      io.Writer
	page   page
	zone   *time.Location
	shapes []shape
	had    []had // one for each column; nil unless some are typed
	shown  []int // the columns of the first part; nil before it is written
	least  []int // the widths of the first part, one for each column
	part   part
}

// part is a part of a table, whose rows are laid out together.
type part struct {
	rows   [][]cell // one cell for each column, shown or not
	widths []int
	bytes  int
}

// cell is a text in a table, and the SGR code of its colour or "".
type cell struct{ text, colour string }

func (t *tableRows) row(values []value) error {
	t.shapeTyped(values)
	row, widths := make([]cell, len(values)), make([]int, len(values))
	bytes, total := 0, 0
	for i, c := range t.shapes {
		if t.part.widths != nil {
			widths[i] = t.part.widths[i]
		}
		if c.head == "" {
			continue
		}
		row[i] = t.cell(values[i])
		widths[i] = max(widths[i], columnsOf(row[i].text))
		bytes += cellCost + len(row[i].text)
		total += widths[i] + len(margin)
	}
	// Each row is padded to the widest cells.
	if len(t.part.rows) > 0 && max(t.part.bytes+bytes, (len(t.part.rows)+1)*total) > maxPart {
		if err := t.write(); err != nil {
			return err
		}
		return t.row(values)
	}
	t.part = part{rows: append(t.part.rows, row), widths: widths, bytes: t.part.bytes + bytes}
	return nil
}

// cell formats a value for a table, at most maxCell columns wide.
func (t *tableRows) cell(v value) (c cell) {
	if s, ok := v.(state); ok {
		c.colour = t.page.colour(s)
	}
	v, whole := beginning(v)
	c.text = shortened(show(v, t.zone), maxCell)
	if !whole {
		c.text = shortened(c.text, maxCell-1)
		c.text = strings.TrimSuffix(c.text, "…") + "…"
	}
	c.text = t.page.text(c.text)
	return c
}

// beginning cuts a value that no cell can hold, so that the rest is not quoted and
// measured. whole reports whether it returned all of the value.
func beginning(v value) (_ value, whole bool) {
	const most = 4 * maxCell
	switch v := v.(type) {
	case string:
		if len(v) > most {
			return strings.ToValidUTF8(v[:most], ""), false
		}
	case []byte:
		if len(v) > most {
			return v[:most], false
		}
	}
	return v, true
}

func (t *tableRows) end() error {
	if len(t.part.rows) > 0 || t.shown == nil {
		return t.write()
	}
	return nil
}

// write lays out the current part, and writes it.
func (t *tableRows) write() error {
	g := &grid{rows: t.part.rows}
	for i, c := range t.shapes {
		if c.head == "" || t.shown != nil && !slices.Contains(t.shown, i) {
			continue
		}
		c.head = t.page.text(c.head)
		width := columnsOf(c.head)
		if t.part.widths != nil {
			width = max(width, t.part.widths[i])
		}
		if t.shown != nil {
			width = max(width, t.least[i])
		}
		g.shapes, g.from, g.widths = append(g.shapes, c), append(g.from, i), append(g.widths, width)
	}
	first := t.shown == nil
	t.page.narrow(g, first)
	if first {
		t.shown, t.least = g.from, make([]int, len(t.shapes))
		for i, from := range g.from {
			t.least[from] = g.widths[i]
		}
	}
	t.part = part{}
	text, err := g.render(t.page, first)
	if err != nil {
		return err
	}
	_, err = io.WriteString(t.w, text)
	return err
}

// margin separates two columns of a table.
const margin = "  "

// grid is the layout of a part of a table.
type grid struct {
	shapes []shape // of the columns that are shown
	from   []int   // the index of each shown column in a row
	rows   [][]cell
	widths []int // of each shown column, including its head
}

// columnsOf returns the width of a text in columns of a terminal. It ignores the locale:
// the bars of a report always take one column each.
func columnsOf(text string) int { return twwidth.WidthWithOptions(text, twwidth.Options{}) }

// shortened cuts a text to a width in columns of a terminal.
func shortened(text string, width int) string {
	if columnsOf(text) <= width {
		return text
	}
	used := 0
	for i, r := range text {
		if used += columnsOf(string(r)); used > width-1 {
			return text[:i] + "…"
		}
	}
	return text
}

// texts returns the cells of the shown columns, with their colours.
func (g *grid) texts() [][]string {
	texts := make([][]string, len(g.rows))
	for n, row := range g.rows {
		texts[n] = make([]string, len(g.from))
		for i, from := range g.from {
			texts[n][i] = row[from].text
			if code := row[from].colour; code != "" {
				texts[n][i] = "\x1b[" + code + "m" + row[from].text + sgrEnd
			}
		}
	}
	return texts
}

// render aligns the cells. It pads the heads, which makes tablewriter use the widths of
// the grid. The page removes the heads from all parts but the first.
func (g *grid) render(p page, first bool) (string, error) {
	align := make([]tw.Align, len(g.shapes))
	head := make([]string, len(g.shapes))
	for i, c := range g.shapes {
		pad := strings.Repeat(" ", max(0, g.widths[i]-columnsOf(c.head)))
		head[i], align[i] = c.head+pad, tw.AlignLeft
		if c.right {
			head[i], align[i] = pad+c.head, tw.AlignRight
		}
	}
	var text strings.Builder
	options := []tablewriter.Option{
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithAlignment(align),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithEastAsian(tw.Off), // ignore the locale
	}
	t := tablewriter.NewTable(&text, append(options, p.options()...)...)
	t.Header(head)
	if err := t.Bulk(g.texts()); err != nil {
		return "", err
	}
	if err := t.Render(); err != nil {
		return "", err
	}
	twwidth.SetForceNarrow(false) // empties the cache of measured cells
	return p.lines(text.String(), first), nil
}
