package report

import (
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"
)

// Cell is a value from outside as a table may show it: quoted if any rune in it
// is not printable, so that no host name can move the cursor or forge a row.
func Cell(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) && strings.ToValidUTF8(s, "") == s {
		return s
	}
	return strconv.Quote(s)
}

// column of a table; figures stand to the right.
type column struct {
	name  string
	right bool
}

// table writes rows under a header.
func table(w io.Writer, columns []column, rows [][]string) error {
	align := make([]tw.Align, len(columns))
	header := make([]string, len(columns))
	for i, c := range columns {
		header[i], align[i] = c.name, tw.AlignLeft
		if c.right {
			align[i] = tw.AlignRight
		}
	}
	var text strings.Builder
	t := tablewriter.NewTable(&text,
		tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders:  tw.BorderNone,
			Settings: tw.Settings{Separators: tw.SeparatorsNone, Lines: tw.LinesNone},
		})),
		tablewriter.WithHeaderAutoFormat(tw.Off),
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithAlignment(align),
	)
	t.Header(header)
	if err := t.Bulk(rows); err != nil {
		return err
	}
	if err := t.Render(); err != nil {
		return err
	}
	// Without the blanks that fill the last column up.
	for line := range strings.Lines(text.String()) {
		if _, err := io.WriteString(w, strings.TrimRight(line, " \n")+"\n"); err != nil {
			return err
		}
	}
	return nil
}
