package report

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// ErrFormat means that a style's format is none of Formats.
var ErrFormat = errors.New("not a format")

// Formats that a listing can be written in.
const (
	FormatTable    = "table"
	FormatMarkdown = "markdown"
	FormatCSV      = "csv"
	FormatJSON     = "json"
	FormatNDJSON   = "ndjson"
)

// Formats are the formats, as --format names them.
var Formats = []string{FormatTable, FormatMarkdown, FormatCSV, FormatJSON, FormatNDJSON}

// Style selects the form of a listing. The zero value is a table in UTC, as wide as its
// values need, without colour.
type Style struct {
	Format string         // one of Formats; "" is FormatTable
	Width  int            // the width of the terminal in columns; 0 for no limit
	Colour bool           // show trouble in colour; tables only
	Zone   *time.Location // the zone of times in tables and markdown; nil is UTC. CSV and JSON always have UTC.
}

func (s Style) zone() *time.Location {
	if s.Zone == nil {
		return time.UTC
	}
	return s.Zone
}

// forPeople reports whether people read the format.
func (s Style) forPeople() bool {
	return s.Format == "" || s.Format == FormatTable || s.Format == FormatMarkdown
}

// clock formats a time in microseconds for a heading.
func (s Style) clock(at int64) string {
	return time.UnixMicro(at).In(s.zone()).Format("2006-01-02 15:04:05")
}

// stamp formats a time in microseconds for a heading, with its zone.
func (s Style) stamp(at int64) string {
	return time.UnixMicro(at).In(s.zone()).Format("2006-01-02 15:04:05 MST")
}

// formatter writes documents in one format.
type formatter interface {
	document(d document) error
	// rows starts a table whose rows the caller writes.
	rows(shapes []shape) (rowWriter, error)
	// end finishes the last document.
	end() error
}

// rowWriter takes the rows of a table, one value for each column.
type rowWriter interface {
	row(values []value) error
	end() error
}

// formatter returns the formatter for the style's format. The error is ErrFormat.
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

// render writes documents. People get them one after the other, each with its heading.
// Programs get one listing of all rows, so all documents must have the same columns.
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

// listing writes only the rows of documents, for programs.
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
