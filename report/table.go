package report

import (
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/renderer"
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
	w       io.Writer
	style   Style
	columns []column
	shown   []int // columns of the first part; nil before it is written
	least   []int // widths of the first part, one for each column
	part    part
}

// part is the rows of a table that are laid out together.
type part struct {
	rows   [][]cell // one cell for each column, shown or not
	widths []int
	bytes  int
}

// cell is a text in a table, and the SGR code of its colour, "" for none.
type cell struct{ text, colour string }

func (t *tableRows) row(values []any) error {
	row, widths := make([]cell, len(values)), make([]int, len(values))
	bytes, total := 0, 0
	for i, c := range t.columns {
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
func (t *tableRows) cell(value any) (c cell) {
	if s, ok := value.(state); ok && t.style.Colour && t.style.Format != FormatMarkdown {
		c.colour = colours[s]
	}
	value, whole := beginning(value)
	c.text = shortened(show(value, t.style.zone()), maxCell)
	if !whole {
		c.text = shortened(c.text, maxCell-1)
		c.text = strings.TrimSuffix(c.text, "…") + "…"
	}
	if t.style.Format == FormatMarkdown {
		c.text = markdown(c.text)
	}
	return c
}

// beginning is what of a value a cell may have room for, so that no more than
// that is quoted and measured. whole reports whether that is all of it.
func beginning(value any) (_ any, whole bool) {
	const most = 4 * maxCell
	switch v := value.(type) {
	case string:
		if len(v) > most {
			return strings.ToValidUTF8(v[:most], ""), false
		}
	case []byte:
		if len(v) > most {
			return v[:most], false
		}
	}
	return value, true
}

func (t *tableRows) end(sum []any) error {
	if sum != nil {
		if err := t.row(sum); err != nil {
			return err
		}
	}
	if len(t.part.rows) > 0 || t.shown == nil {
		return t.write()
	}
	return nil
}

// write lays out the part that is held, and writes it.
func (t *tableRows) write() error {
	g := &grid{rows: t.part.rows}
	for i, c := range t.columns {
		if c.head == "" || t.shown != nil && !slices.Contains(t.shown, i) {
			continue
		}
		if t.style.Format == FormatMarkdown {
			c.head = markdown(c.head)
		}
		width := columnsOf(c.head)
		if t.part.widths != nil {
			width = max(width, t.part.widths[i])
		}
		if t.shown != nil {
			width = max(width, t.least[i])
		}
		g.columns, g.from, g.widths = append(g.columns, c), append(g.from, i), append(g.widths, width)
	}
	first := t.shown == nil
	if t.style.Format != FormatMarkdown && t.style.Width > 0 {
		if first {
			g.lose(t.style.Width)
		}
		g.shorten(t.style.Width)
	}
	if first {
		t.shown, t.least = g.from, make([]int, len(t.columns))
		for i, from := range g.from {
			t.least[from] = g.widths[i]
		}
	}
	t.part = part{}
	text, err := g.render(t.style.Format == FormatMarkdown, first)
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
	columns []column // those that are shown
	from    []int    // which cell of a row each of them shows
	rows    [][]cell
	widths  []int // of each column, its head included
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

// markdown is a text that shows itself in markdown, in a table and within a line.
func markdown(text string) string { return markdownEscapes.Replace(text) }

var markdownEscapes = strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", "&", "&amp;", "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "~", `\~`)

// lose removes columns in which nothing stands, then others in their order, and
// then those that can be spared and have no room beside what stands left of them,
// until a row has room in so many columns of a terminal.
func (g *grid) lose(width int) {
	for i := len(g.columns) - 1; i >= 0 && g.total() > width; i-- {
		if g.empty(i) {
			g.remove(i)
		}
	}
	for order := 1; g.total() > width && order < 16; order++ {
		for i := len(g.columns) - 1; i >= 0; i-- {
			if g.columns[i].drop == order && g.total() > width {
				g.remove(i)
			}
		}
	}
	for i, used := 0, -len(gap); i < len(g.columns); {
		c, least := g.columns[i], len(gap)+g.widths[i]
		if c.cut > 0 {
			least = len(gap) + min(g.widths[i], c.cut)
		}
		if c.spare && used+least > width {
			g.remove(i)
			continue
		}
		used, i = used+least, i+1
	}
}

// shorten shortens cells of the columns that may be cut, until a row has room in
// so many columns of a terminal.
func (g *grid) shorten(width int) {
	for g.total() > width {
		widest := -1
		for i, c := range g.columns {
			if c.cut > 0 && g.widths[i] > c.cut && (widest < 0 || g.widths[i] > g.widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		g.widths[widest]--
	}
	for _, row := range g.rows {
		for i, from := range g.from {
			row[from].text = shortened(row[from].text, g.widths[i])
		}
	}
}

// empty tells whether nothing stands in a column of a table that has rows.
func (g *grid) empty(i int) bool {
	for _, row := range g.rows {
		if row[g.from[i]].text != "" {
			return false
		}
	}
	return len(g.rows) > 0
}

func (g *grid) total() int {
	total := len(gap) * (len(g.widths) - 1)
	for _, w := range g.widths {
		total += w
	}
	return total
}

func (g *grid) remove(i int) {
	g.columns = append(g.columns[:i:i], g.columns[i+1:]...)
	g.from = append(g.from[:i:i], g.from[i+1:]...)
	g.widths = append(g.widths[:i:i], g.widths[i+1:]...)
}

// How a terminal's colours end.
const sgrEnd = "\x1b[0m"

var endsTwice = regexp.MustCompile(`\x1b\[0m( *)\x1b\[0m`)

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
func (g *grid) render(inMarkdown, first bool) (string, error) {
	align := make([]tw.Align, len(g.columns))
	head := make([]string, len(g.columns))
	for i, c := range g.columns {
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
	if inMarkdown {
		options = append(options, tablewriter.WithRenderer(renderer.NewMarkdown()))
	} else {
		options = append(options, tablewriter.WithPadding(tw.Padding{Right: gap, Overwrite: true}),
			tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
				Borders:  tw.BorderNone,
				Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
			})))
	}
	t := tablewriter.NewTable(&text, options...)
	t.Header(head)
	if err := t.Bulk(g.texts()); err != nil {
		return "", err
	}
	if err := t.Render(); err != nil {
		return "", err
	}
	twwidth.SetForceNarrow(false) // empties its cache of the cells it has measured
	return g.trimmed(text.String(), inMarkdown, first), nil
}

// trimmed is a part of a table without the blanks that fill the last column up,
// and without the second end of a colour, which tablewriter puts behind a cell's
// padding.
func (g *grid) trimmed(text string, inMarkdown, first bool) string {
	heads := 0
	if !first {
		heads = 1
		if inMarkdown {
			heads = 2
		}
	}
	var lines strings.Builder
	for line := range strings.Lines(text) {
		if heads--; heads >= 0 {
			continue
		}
		if !inMarkdown {
			line = strings.TrimRight(endsTwice.ReplaceAllString(line, sgrEnd+"$1"), " \n") + "\n"
		}
		lines.WriteString(line)
	}
	return lines.String()
}
