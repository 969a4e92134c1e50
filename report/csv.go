package report

import (
	"bufio"
	"io"
	"strings"
)

// csvRows writes RFC 4180 lines under a header. Whatever is no number stands in
// quotes, but for a cell in which nothing stands.
type csvRows struct {
	w      *bufio.Writer
	shapes []shape
	line   []string
}

func newCSVRows(w io.Writer, shapes []shape) (*csvRows, error) {
	c := &csvRows{w: bufio.NewWriter(w), shapes: shapes}
	for _, col := range shapes {
		if col.key != "" {
			c.line = append(c.line, csvText(Cell(col.key))) // of a query, a name is whatever was typed
		}
	}
	return c, c.write()
}

func (c *csvRows) row(values []value) error {
	c.line = c.line[:0]
	for i, v := range values {
		if c.shapes[i].key != "" {
			c.line = append(c.line, csvCell(v))
		}
	}
	return c.write()
}

func (c *csvRows) write() error {
	if len(c.line) == 1 && c.line[0] == "" {
		c.line[0] = `""` // readers take an empty line for none
	}
	_, err := c.w.WriteString(strings.Join(c.line, ",") + "\n")
	return err
}

func (c *csvRows) end() error { return c.w.Flush() }

func csvCell(v value) string {
	cell := plainText(v)
	switch v.(type) {
	case int, int64, float64, seconds, byteCount:
		return cell
	}
	if cell == "" {
		return ""
	}
	return csvText(cell)
}

func csvText(text string) string { return `"` + strings.ReplaceAll(harmless(text), `"`, `""`) + `"` }

// formulaSigns are what a formula begins with, in a spreadsheet; their wide forms
// count as well (https://owasp.org/www-community/attacks/CSV_Injection).
const formulaSigns = "=+-@\t\r＝＋－＠"

// harmless puts an apostrophe before whatever a spreadsheet may take for a formula:
// at the beginning of a cell, and after a separator in it. Where a spreadsheet uses
// another separator than the comma, quotes in the middle of a line do not keep a cell
// together.
func harmless(text string) string {
	if !strings.ContainsAny(text, formulaSigns) {
		return text
	}
	var b strings.Builder
	begins := true // a cell may begin here, but for blanks and quotes
	for _, r := range text {
		switch {
		case r == ',' || r == ';':
			begins = true
		case begins && r != ' ' && r != '"':
			if strings.ContainsRune(formulaSigns, r) {
				b.WriteByte('\'')
			}
			begins = false
		}
		b.WriteRune(r)
	}
	return b.String()
}
