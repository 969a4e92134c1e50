package report

import (
	"bufio"
	"io"
	"strings"
)

// csvRows writes a header and rows as RFC 4180 lines. Every cell is quoted, except
// numbers and empty cells.
type csvRows struct {
	w      *bufio.Writer
	shapes []shape
	line   []string
}

func newCSVRows(w io.Writer, shapes []shape) (*csvRows, error) {
	c := &csvRows{w: bufio.NewWriter(w), shapes: shapes}
	for _, col := range shapes {
		if col.key != "" {
			c.line = append(c.line, csvText(Cell(col.key))) // in a query, the operator may type any name
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
		c.line[0] = `""` // readers skip an empty line
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

// formulaSigns are the characters that start a formula in a spreadsheet, and their wide
// forms (https://owasp.org/www-community/attacks/CSV_Injection).
const formulaSigns = "=+-@\t\r＝＋－＠"

// harmless puts an apostrophe before each sign that a spreadsheet may read as the start
// of a formula. The sign stands at the start of the cell or after a separator in it: a
// spreadsheet that splits lines at semicolons also splits inside of quotes.
func harmless(text string) string {
	if !strings.ContainsAny(text, formulaSigns) {
		return text
	}
	var b strings.Builder
	begins := true // a cell may start here, after blanks and quotes
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
