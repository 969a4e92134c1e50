package report

import (
	"fmt"
	"io"
	"regexp"
)

// Answer writes the rows of somebody's own SQL, whose columns are not known
// before.
type Answer struct{ rows rowWriter }

// NewAnswer begins to write an answer that has columns of these names. In JSON
// and CSV, columns of the same name are told apart: n, n_2. One without a name
// has that of its place.
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

// Row writes a row: nil, int64, float64, string or []byte for each column. In a
// table, figures stand to the right, and neither they nor times are shortened: a
// narrow terminal rather loses a column.
func (a *Answer) Row(values []any) error { return a.rows.row(values) }

// End writes what is left.
func (a *Answer) End() error { return a.rows.end() }

// had is what a column has had, but for NULL.
type had struct {
	numbers, times, others bool
	exact                  int // bytes of the longest number or time
}

// shortestText is to how many columns of a terminal what is neither is shortened.
const shortestText = 12

// longestTime is how many bytes a time has at most.
const longestTime = 40

// aTime is a time as the views have it, and the saved questions.
var aTime = regexp.MustCompile(`^(before )?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`)

// noteTyped shapes the columns of somebody's own SQL by the values of one more row.
func (t *tableRows) noteTyped(values []value) {
	for i := range t.shapes {
		if !t.shapes[i].typed {
			continue
		}
		if t.had == nil {
			t.had = make([]had, len(t.shapes))
		}
		t.had[i].note(values[i])
		t.had[i].shape(&t.shapes[i])
	}
}

func (h *had) note(v value) {
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
