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

// What a table may cost in memory. tablewriter needs about eight times as much
// as it writes.
const (
	maxPart  = 1 << 19 // bytes of the rows that are laid out together
	maxCell  = 1000    // columns of a terminal that a cell may take
	cellCost = 32      // bytes, besides those of its text
)

// tableRows writes an aligned table, or one in markdown, in parts of at most
// maxPart: an answer may have any number of rows. The first part decides which
// columns are shown, and how wide they are at least; a wider cell of a later part
// widens its column there.
type tableRows struct {
	w      io.Writer
	page   page
	zone   *time.Location
	shapes []shape
	had    []had // of each column of somebody's own SQL
	shown  []int // columns of the first part; nil before it is written
	least  []int // widths of the first part, one for each column
	part   part
}

// part is the rows of a table that are laid out together.
type part struct {
	rows   [][]cell // one cell for each column, shown or not
	widths []int
	bytes  int
}

// cell is a text in a table, and the SGR code of its colour, "" for none.
type cell struct{ text, colour string }

func (t *tableRows) row(values []value) error {
	t.noteTyped(values)
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
		total += widths[i] + len(gap)
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

// cell is a value as it stands in a table: at most maxCell columns wide.
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

// beginning is what of a value a cell may have room for, so that no more than
// that is quoted and measured. whole reports whether that is all of it.
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

// write lays out the part that is held, and writes it.
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

// gap stands between two columns of a table.
const gap = "  "

// grid is a part of a table as it is written.
type grid struct {
	shapes []shape // those that are shown
	from   []int   // which cell of a row each of them shows
	rows   [][]cell
	widths []int // of each column, its head included
}

// columnsOf is how many columns of a terminal a text takes, in any locale: a bar
// of a report, or another sign of which the locale would be asked, takes one.
func columnsOf(text string) int { return twwidth.WidthWithOptions(text, twwidth.Options{}) }

// shortened is what of a text has room in so many columns of a terminal.
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

// texts are the cells of the columns that are shown, with their colours.
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

// render aligns the cells. The heads make the columns as wide as they shall be;
// they are left out of all parts but the first.
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
		tablewriter.WithEastAsian(tw.Off), // it would ask the locale
	}
	t := tablewriter.NewTable(&text, append(options, p.options()...)...)
	t.Header(head)
	if err := t.Bulk(g.texts()); err != nil {
		return "", err
	}
	if err := t.Render(); err != nil {
		return "", err
	}
	twwidth.SetForceNarrow(false) // empties its cache of the cells it has measured
	return p.lines(text.String(), first), nil
}
