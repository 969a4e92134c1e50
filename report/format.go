package report

import (
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

// clock is a time as a heading shows it.
func (s Style) clock(at int64) string {
	return time.UnixMicro(at).In(s.zone()).Format("2006-01-02 15:04:05")
}

// stamp is a time with its zone, as a heading shows it.
func (s Style) stamp(at int64) string {
	return time.UnixMicro(at).In(s.zone()).Format("2006-01-02 15:04:05 MST")
}

// formatter writes documents in one format.
type formatter interface {
	document(d document) error
	// rows begins a table of its own, for rows that come from elsewhere.
	rows(shapes []shape) (rowWriter, error)
	// end writes what is left after the last document.
	end() error
}

// rowWriter takes the rows of a table, one value for each column.
type rowWriter interface {
	row(values []value) error
	end() error
}

// formatter returns that of the style's format.
func (s Style) formatter(w io.Writer) (formatter, error) {
	switch s.Format {
	case "", FormatTable:
		return &people{w: w, style: s, page: textPage{width: s.Width, coloured: s.Colour}}, nil
	case FormatMarkdown:
		return &people{w: w, style: s, page: markdownPage{}}, nil
	case FormatCSV:
		return &listing{begin: func(shapes []shape) (rowWriter, error) { return newCSVRows(w, shapes) }}, nil
	case FormatJSON:
		return &listing{begin: func(shapes []shape) (rowWriter, error) { return newJSONRows(w, shapes, true), nil }}, nil
	case FormatNDJSON:
		return &ndjson{listing{begin: func(shapes []shape) (rowWriter, error) { return newJSONRows(w, shapes, false), nil }}, w}, nil
	}
	return nil, fmt.Errorf("%w: %q is none of %s", ErrFormat, s.Format, strings.Join(Formats, ", "))
}

// render writes documents one after the other: for people each with its own heading, for
// programs one listing of all their rows, which have the same columns.
func render(w io.Writer, s Style, documents ...document) error {
	r, err := s.formatter(w)
	if err != nil {
		return err
	}
	for _, d := range documents {
		if err := r.document(d); err != nil {
			return err
		}
	}
	return r.end()
}

// listing writes the rows of documents for programs, and nothing else of them.
type listing struct {
	begin func([]shape) (rowWriter, error)
	out   rowWriter // nil before the first document
}

func (l *listing) rows(shapes []shape) (rowWriter, error) { return l.begin(shapes) }

func (l *listing) document(d document) (err error) {
	if l.out == nil {
		if l.out, err = l.begin(d.shapes); err != nil {
			return err
		}
	}
	return d.rows(l.out.row)
}

func (l *listing) end() error { return l.out.end() }
