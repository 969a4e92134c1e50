package report

import (
	"errors"
	"fmt"
	"io"
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
	figures []bool // which columns have had numbers
	others  []bool // which columns have had something else, but for NULL
	cost    int
}

// NewAnswer begins to write an answer that has columns of these names. In JSON
// and CSV, columns of the same name are told apart: n, n_2. One without a name
// has that of its place.
func NewAnswer(w io.Writer, s Style, names []string) (*Answer, error) {
	a := &Answer{human: s.human(), columns: make([]column, len(names)), figures: make([]bool, len(names)), others: make([]bool, len(names))}
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
		a.columns[i] = column{key: key, head: Cell(name), cut: 12}
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
			switch v := v.(type) {
			case nil:
				continue
			case int64, float64:
				a.figures[i] = true
				continue
			case string:
				a.cost += len(v)
			case []byte:
				a.cost += 2 * len(v)
			}
			a.others[i] = true
		}
		if a.cost > maxTable {
			return ErrTooLong
		}
	}
	return a.rows.row(values)
}

// End writes what is left. In a table, figures stand to the right.
func (a *Answer) End() error {
	for i := range a.columns {
		a.columns[i].right = a.figures[i] && !a.others[i]
	}
	return a.rows.end(nil)
}
