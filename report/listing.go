package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// ErrFormat: a listing has no such format.
var ErrFormat = errors.New("not a format")

// Formats that a listing can be written in.
const (
	FormatTable    = "table"
	FormatMarkdown = "markdown"
	FormatCSV      = "csv"
	FormatJSON     = "json"
	FormatNDJSON   = "ndjson"
)

// Formats are all of them, as --format names them.
var Formats = []string{FormatTable, FormatMarkdown, FormatCSV, FormatJSON, FormatNDJSON}

// Style is how a listing is written. The zero value is a table in UTC, as wide
// as its values need, without colour.
type Style struct {
	Format string         // one of Formats; "" is FormatTable
	Width  int            // columns of the terminal that a table must fit in; 0 for no limit
	Colour bool           // of trouble, in a table
	Zone   *time.Location // of the times in tables and markdown; nil is UTC. CSV and JSON have UTC.
}

func (s Style) zone() *time.Location {
	if s.Zone == nil {
		return time.UTC
	}
	return s.Zone
}

// human tells whether a listing is written for people: with a heading above it.
func (s Style) human() bool {
	return s.Format == "" || s.Format == FormatTable || s.Format == FormatMarkdown
}

// column of a listing.
type column struct {
	key   string // its name in CSV and JSON; "" leaves it out there
	head  string // its name in tables; "" leaves it out there
	right bool   // figures stand to the right
	drop  int    // a narrow terminal loses the columns with a 1 first, then 2, …; 0 is never lost
	cut   int    // how many columns of the terminal it may be shortened to when no more can be lost; 0 is never
	spare bool   // it is lost if it has no room, however short it and the columns left of it are
}

// rowWriter takes the rows of a listing, one value for each column.
type rowWriter interface {
	row(values []any) error
	// end writes what is left. sum is a last row for people, nil for none.
	end(sum []any) error
}

// newRows begins a listing.
func newRows(w io.Writer, s Style, columns []column) (rowWriter, error) {
	switch s.Format {
	case "", FormatTable, FormatMarkdown:
		return &tableRows{w: w, style: s, columns: columns}, nil
	case FormatCSV:
		return newCSVRows(w, columns)
	case FormatJSON, FormatNDJSON:
		return &jsonRows{w: bufio.NewWriter(w), columns: columns, array: s.Format == FormatJSON}, nil
	}
	return nil, fmt.Errorf("%w: %q is none of %s", ErrFormat, s.Format, strings.Join(Formats, ", "))
}

// list writes a whole listing.
func list(w io.Writer, s Style, columns []column, rows [][]any, sum []any) error {
	out, err := newRows(w, s, columns)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := out.row(row); err != nil {
			return err
		}
	}
	return out.end(sum)
}

// jsonRows writes one object a line; array makes one array of them.
type jsonRows struct {
	w       *bufio.Writer
	columns []column
	array   bool
	n       int
}

func (j *jsonRows) row(values []any) error {
	if j.array {
		j.w.WriteString([]string{"[\n  ", ",\n  "}[min(j.n, 1)])
	}
	separator := "{"
	for i, v := range values {
		if key := j.columns[i].key; key != "" {
			j.w.WriteString(separator)
			quoteASCII(j.w, key)
			j.w.WriteString(": ")
			writeJSON(j.w, v)
			separator = ", "
		}
	}
	j.w.WriteByte('}')
	if !j.array {
		j.w.WriteByte('\n')
	}
	j.n++
	_, err := j.w.Write(nil) // what has gone wrong since the last row
	return err
}

func (j *jsonRows) end([]any) error {
	if j.array {
		j.w.WriteString([]string{"[]\n", "\n]\n"}[min(j.n, 1)])
	}
	return j.w.Flush()
}
