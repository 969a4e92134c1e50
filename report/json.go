package report

import (
	"bufio"
	"errors"
	"io"
)

// ndjson is a listing of one object per line. A document may have lines of its own.
type ndjson struct {
	listing
	w io.Writer
}

func (n *ndjson) document(d document) error {
	if d.lines == nil {
		return n.listing.document(d)
	}
	lines := bufio.NewWriter(n.w)
	err := d.lines(func(line string) error { _, err := lines.WriteString(line); return err })
	return errors.Join(err, lines.Flush())
}

func (n *ndjson) end() error {
	if n.out == nil {
		return nil
	}
	return n.listing.end()
}

// jsonRows writes one object per line. If array is set, the objects form one array.
type jsonRows struct {
	w      *bufio.Writer
	shapes []shape
	array  bool
	n      int
}

func newJSONRows(w io.Writer, shapes []shape, array bool) *jsonRows {
	return &jsonRows{w: bufio.NewWriter(w), shapes: shapes, array: array}
}

func (j *jsonRows) row(values []value) error {
	if j.array {
		j.w.WriteString([]string{"[\n  ", ",\n  "}[min(j.n, 1)])
	}
	separator := "{"
	for i, v := range values {
		if key := j.shapes[i].key; key != "" {
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
	_, err := j.w.Write(nil) // returns the first error of the writes above
	return err
}

func (j *jsonRows) end() error {
	if j.array {
		j.w.WriteString([]string{"[]\n", "\n]\n"}[min(j.n, 1)])
	}
	return j.w.Flush()
}
