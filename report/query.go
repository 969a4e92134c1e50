package report

import (
	"errors"
	"fmt"
	"io"
	"regexp"
)

// ErrTooLong: an answer is too long for a table, which is held in memory until
// its last row is known.
var ErrTooLong = errors.New("the answer is too long for a table")

// What the values of an answer may cost in a table or in markdown: each its
// bytes, and some more. To write it takes about eight times as much memory.
const (
	maxTable = 16 << 20
	cellCost = 32
)

// Answer writes the rows of somebody's own SQL, whose columns are not known
// before.
type Answer struct {
	rows    rowWriter
	columns []column
	human   bool
	had     []had
	cost    int
}

// had is what a column has had, but for NULL.
type had struct {
	numbers, times, others bool
	exact                  int // bytes of the longest number or time
}

// shortestText is to how many columns of a terminal what is neither is shortened.
const shortestText = 12

// aTime is a time as the views have it, and the saved questions.
var aTime = regexp.MustCompile(`^(before )?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`)

// NewAnswer begins to write an answer that has columns of these names. In JSON
// and CSV, columns of the same name are told apart: n, n_2. One without a name
// has that of its place.
func NewAnswer(w io.Writer, s Style, names []string) (*Answer, error) {
	a := &Answer{human: s.human(), columns: make([]column, len(names)), had: make([]had, len(names))}
	taken := map[string]bool{}
	for i, name := range names {
		if name == "" {
			name = fmt.Sprintf("column_%d", i+1)
		}
		key := name
		for n := 2; taken[key]; n++ {
			key = fmt.Sprintf("%s_%d", name, n)
		}
		taken[key] = true
		if s.Format == FormatCSV {
			key = Cell(key) // a name is whatever was typed; JSON escapes it
		}
		a.columns[i] = column{key: key, head: Cell(name)}
	}
	var err error
	a.rows, err = newRows(w, s, a.columns)
	return a, err
}

// Row writes a row: nil, int64, float64, string or []byte for each column.
func (a *Answer) Row(values []any) error {
	if a.human {
		for i, v := range values {
			a.cost += cellCost
			a.note(&a.had[i], v)
		}
		if a.cost > maxTable {
			return ErrTooLong
		}
	}
	return a.rows.row(values)
}

func (a *Answer) note(h *had, value any) {
	switch v := value.(type) {
	case nil:
	case int64, float64:
		h.numbers, h.exact = true, max(h.exact, len(text(v)))
	case string:
		a.cost += len(v)
		if aTime.MatchString(v) {
			h.times, h.exact = true, max(h.exact, len(v))
		} else {
			h.others = true
		}
	case []byte:
		a.cost += 2 * len(v)
		h.others = true
	}
}

// End writes what is left. In a table, figures stand to the right, and neither
// they nor times are shortened: a narrow terminal rather loses a column.
func (a *Answer) End() error {
	for i, h := range a.had {
		c := &a.columns[i]
		c.right = h.numbers && !h.times && !h.others
		c.cut = shortestText
		if !h.others {
			c.cut = max(shortestText, h.exact)
		}
		c.spare = i > 0
	}
	return a.rows.end(nil)
}
