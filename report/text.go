package report

import (
	"regexp"
	"strings"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// textPage formats documents as aligned plain text for a terminal.
type textPage struct {
	width    int // columns of the terminal; 0 for no limit
	coloured bool
}

func (textPage) text(text string) string { return text }

func (textPage) begins(text string) string { return text }

// line cuts a text to the width of the terminal.
func (p textPage) line(text string) string {
	if p.width > 0 {
		return shortened(text, p.width)
	}
	return text
}

func (p textPage) advice(title, text string) string {
	lines := "\n" + title + "\n"
	for _, line := range wrapped(text, p.width-len(margin)) {
		lines += margin + line + "\n"
	}
	return lines
}

func (textPage) verbatim(title, lines string) string { return "\n" + title + "\n" + lines }

func (p textPage) colour(s state) string {
	if !p.coloured {
		return ""
	}
	return colours[s]
}

// narrow applies the reductions. Only the first part drops columns, for all parts.
func (p textPage) narrow(g *grid, first bool) {
	if p.width <= 0 {
		return
	}
	for _, r := range reductions {
		if first || !r.drops {
			r.reduce(g, p.width)
		}
	}
}

func (textPage) options() []tablewriter.Option {
	return []tablewriter.Option{
		tablewriter.WithPadding(tw.Padding{Right: margin, Overwrite: true}),
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		})),
	}
}

// sgrEnd ends a colour on a terminal.
const sgrEnd = "\x1b[0m"

var endsTwice = regexp.MustCompile(`\x1b\[0m( *)\x1b\[0m`)

// lines removes the blanks after the last column, and the head of all parts but the first.
// It also removes the second end of a colour that tablewriter puts after the padding.
func (textPage) lines(rendered string, first bool) string {
	if !first {
		_, rendered, _ = strings.Cut(rendered, "\n")
	}
	var lines strings.Builder
	for line := range strings.Lines(rendered) {
		lines.WriteString(strings.TrimRight(endsTwice.ReplaceAllString(line, sgrEnd+"$1"), " \n") + "\n")
	}
	return lines.String()
}
