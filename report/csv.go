package report

import (
	"bufio"
	"io"
	"regexp"
	"strings"
)

// csvRows writes RFC 4180 lines under a header. Whatever is no number stands in
// quotes, but for a cell in which nothing stands.
type csvRows struct {
	w       *bufio.Writer
	columns []column
	line    []string
}

func newCSVRows(w io.Writer, columns []column) (*csvRows, error) {
	c := &csvRows{w: bufio.NewWriter(w), columns: columns}
	for _, col := range columns {
		if col.key != "" {
			c.line = append(c.line, csvText(col.key))
		}
	}
	return c, c.write()
}

func (c *csvRows) row(values []any) error {
	c.line = c.line[:0]
	for i, v := range values {
		if c.columns[i].key != "" {
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

func (c *csvRows) end([]any) error { return c.w.Flush() }

func csvCell(v any) string {
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

// formula is where a spreadsheet may take the rest of a cell for one. That is at its
// beginning, and after a separator: where a spreadsheet uses another one than the
// comma, quotes in the middle of a line do not keep a cell together. Wide forms of
// the signs count as well (https://owasp.org/www-community/attacks/CSV_Injection).
var formula = regexp.MustCompile(`((?:^|[,;])[" ]*)([=+\-@\t\r＝＋－＠])`)

// harmless puts an apostrophe before whatever may be a formula.
func harmless(text string) string {
	if text >= "0" && text < "=" && !strings.ContainsAny(text, ",;") {
		return text // a time, mostly: the expression would take longer than all the rest
	}
	return formula.ReplaceAllString(text, "$1'$2")
}
