package report

import (
	"fmt"
	"io"
	"regexp"
)

// Answer writes the rows of an operator's SQL, whose columns are not known in advance.
type Answer struct{ rows rowWriter }

// NewAnswer starts an answer with columns of these names. In JSON and CSV, columns of
// the same name are numbered: n, n_2. The third column, if it has no name, is column_3.
// The error is ErrFormat.
func NewAnswer(w io.Writer, s Style, names []string) (*Answer, error) {
	shapes, taken := make([]shape, len(names)), map[string]bool{}
	for i, name := range names {
		if name == "" {
			name = fmt.Sprintf("column_%d", i+1)
		}
		key := name
		for n := 2; taken[key]; n++ {
			key = fmt.Sprintf("%s_%d", name, n)
		}
		taken[key] = true
		shapes[i] = shape{key: key, head: shortened(Cell(name), maxCell), cut: shortestText, typed: true}
	}
	r, err := s.formatter(w)
	if err != nil {
		return nil, err
	}
	rows, err := r.rows(shapes)
	return &Answer{rows}, err
}

// Row writes a row: nil, int64, float64, string or []byte for each column. A table aligns
// numbers to the right. It never shortens numbers or times: on a narrow terminal it
// drops a column instead.
func (a *Answer) Row(values []any) error { return a.rows.row(values) }

// End writes the rows that are still buffered.
func (a *Answer) End() error { return a.rows.end() }

// had tells which kinds of values a column had. NULL is none of them.
type had struct {
	numbers, times, others bool
	exact                  int // bytes of the longest number or time
}

// shortestText is the width, in columns of a terminal, to which other text may be cut.
const shortestText = 12

// longestTime is the most bytes that a time can have.
const longestTime = 40

// aTime matches a time of the views or of the saved questions.
var aTime = regexp.MustCompile(`^(before )?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`)

// shapeTyped shapes the columns of an operator's SQL by the values of one more row.
func (t *tableRows) shapeTyped(values []value) {
	for i := range t.shapes {
		if !t.shapes[i].typed {
			continue
		}
		if t.had == nil {
			t.had = make([]had, len(t.shapes))
		}
		t.had[i].add(values[i])
		t.had[i].shape(&t.shapes[i])
	}
}

func (h *had) add(v value) {
	switch v := v.(type) {
	case nil:
	case int64, float64:
		h.numbers, h.exact = true, max(h.exact, len(text(v)))
	case string:
		if len(v) <= longestTime && aTime.MatchString(v) {
			h.times, h.exact = true, max(h.exact, len(v))
		} else {
			h.others = true
		}
	default:
		h.others = true
	}
}

func (h *had) shape(c *shape) {
	c.right = h.numbers && !h.times && !h.others
	c.cut = shortestText
	if !h.others {
		c.cut = max(shortestText, h.exact)
	}
}
