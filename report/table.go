package report

import (
	"io"
	"regexp"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/pkg/twwidth"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// tableRows writes an aligned table, or one in markdown. It holds all rows: the
// widths of the columns follow from them.
type tableRows struct {
	w       io.Writer
	style   Style
	columns []column
	rows    [][]any
}

func (t *tableRows) row(values []any) error {
	t.rows = append(t.rows, append([]any(nil), values...))
	return nil
}

func (t *tableRows) end(sum []any) error {
	if sum != nil {
		t.rows = append(t.rows, sum)
	}
	inMarkdown := t.style.Format == FormatMarkdown
	grid := newGrid(t.columns, t.rows, t.style)
	if inMarkdown {
		grid.escape()
	} else {
		grid.fit(t.style.Width)
		if t.style.Colour {
			grid.colour(t.rows)
		}
	}
	text, err := grid.render(inMarkdown)
	if err != nil {
		return err
	}
	_, err = io.WriteString(t.w, text)
	return err
}

// gap stands between two columns of a table.
const gap = "  "

// grid is a table of text.
type grid struct {
	columns []column // those that are shown
	from    []int    // which value of a row each of them shows
	cells   [][]string
	widths  []int // of each column, its head included
}

func newGrid(columns []column, rows [][]any, s Style) *grid {
	g := &grid{cells: make([][]string, len(rows))}
	for i, c := range columns {
		if c.head != "" {
			g.columns, g.from = append(g.columns, c), append(g.from, i)
			g.widths = append(g.widths, twwidth.Width(c.head))
		}
	}
	for n, row := range rows {
		g.cells[n] = make([]string, len(g.columns))
		for i, from := range g.from {
			cell := show(row[from], s.zone())
			g.cells[n][i], g.widths[i] = cell, max(g.widths[i], columnsOf(cell))
		}
	}
	return g
}

// escape makes heads and cells those of a markdown table.
func (g *grid) escape() {
	for i := range g.columns {
		g.columns[i].head = markdown(g.columns[i].head)
	}
	for _, row := range g.cells {
		for i := range row {
			row[i] = markdown(row[i])
		}
	}
}

// columnsOf is how many columns of a terminal a text takes.
func columnsOf(text string) int { return twwidth.WidthNoCache(text) }

// shortened is what of a text has room in so many columns of a terminal.
func shortened(text string, width int) string {
	if columnsOf(text) <= width {
		return text
	}
	return twwidth.Truncate(text, width-1) + "…"
}

// markdown is a text that shows itself in markdown, in a table and within a line.
func markdown(text string) string { return markdownEscapes.Replace(text) }

var markdownEscapes = strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", "&", "&amp;", "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "~", `\~`)

// fit loses columns in which nothing stands, then others in their order, then
// those that can be spared and have no room beside what stands left of them, and
// then shortens those that may be cut, until a row has room in so many columns of
// a terminal.
func (g *grid) fit(width int) {
	if width <= 0 {
		return
	}
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
	for _, row := range g.cells {
		for i := range row {
			row[i] = shortened(row[i], g.widths[i])
		}
	}
}

// empty tells whether nothing stands in a column of a table that has rows.
func (g *grid) empty(i int) bool {
	for _, row := range g.cells {
		if row[i] != "" {
			return false
		}
	}
	return len(g.cells) > 0
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
	for n, row := range g.cells {
		g.cells[n] = append(row[:i:i], row[i+1:]...)
	}
}

// How a terminal's colours end.
const sgrEnd = "\x1b[0m"

var endsTwice = regexp.MustCompile(`\x1b\[0m( *)\x1b\[0m`)

// colour marks the states that mean trouble.
func (g *grid) colour(rows [][]any) {
	for n, row := range rows {
		for i, from := range g.from {
			if s, ok := row[from].(state); ok {
				if code, ok := colours[s]; ok {
					g.cells[n][i] = "\x1b[" + code + "m" + g.cells[n][i] + sgrEnd
				}
			}
		}
	}
}

// render aligns the cells.
func (g *grid) render(inMarkdown bool) (string, error) {
	align := make([]tw.Align, len(g.columns))
	head := make([]string, len(g.columns))
	for i, c := range g.columns {
		head[i], align[i] = c.head, tw.AlignLeft
		if c.right {
			align[i] = tw.AlignRight
		}
	}
	var text strings.Builder
	options := []tablewriter.Option{
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithAlignment(align),
		tablewriter.WithTrimSpace(tw.Off),
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
	if err := t.Bulk(g.cells); err != nil {
		return "", err
	}
	if err := t.Render(); err != nil {
		return "", err
	}
	if inMarkdown {
		return text.String(), nil
	}
	// Without the blanks that fill the last column up, and without the second
	// end of a colour, which tablewriter puts behind a cell's padding.
	var trimmed strings.Builder
	for line := range strings.Lines(endsTwice.ReplaceAllString(text.String(), sgrEnd+"$1")) {
		trimmed.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return trimmed.String(), nil
}
