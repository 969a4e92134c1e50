package report

// document is a report: a table, and for people the text around it. Programs get only
// the rows of the table.
type document struct {
	table
	above func() (above, error)          // called before the rows; nil for no text
	below func(page) (string, error)     // called after the rows; nil for no text
	lines func(func(string) error) error // the lines of NDJSON; nil to make them from the columns
}

// above is the text above a table.
type above struct {
	health  string      // a line of its own; "" for none
	heading []string    // parts of one sentence; empty for none
	blind   []blindness // the newest ones get a line each
}

// table is the rows of a report.
type table struct {
	shapes []shape
	rows   func(func([]value) error) error
	sum    func() []value // a last row for people, called after rows; nil for none
}

// shape tells how to write a column.
type shape struct {
	key   string // the name in CSV and JSON; "" omits the column there
	head  string // the name in tables; "" omits the column there
	right bool   // align to the right
	drop  int    // on a narrow terminal, columns with 1 are dropped first, then 2, …; 0 is never dropped
	cut   int    // once no more columns can be dropped, cells are shortened to this width; 0 for never
	typed bool   // a column of an operator's SQL: its values decide right and cut, and it is dropped if it does not fit
}

// column declares a column for rows of type R. of returns the value of a row.
type column[R any] struct {
	key, head string
	right     bool
	drop, cut int
	of        func(R) value
}

// tableOf returns a table. each calls its argument for every row.
func tableOf[R any](columns []column[R], each func(func(R) error) error) table {
	t := table{shapes: make([]shape, len(columns))}
	for i, c := range columns {
		t.shapes[i] = shape{key: c.key, head: c.head, right: c.right, drop: c.drop, cut: c.cut}
	}
	t.rows = func(row func([]value) error) error {
		return each(func(r R) error { return row(valuesOf(columns, r)) })
	}
	return t
}

// valuesOf returns the values of a row, one for each column.
func valuesOf[R any](columns []column[R], row R) []value {
	values := make([]value, len(columns))
	for i, c := range columns {
		values[i] = c.of(row)
	}
	return values
}

// tableOfAll is tableOf for rows in memory.
func tableOfAll[R any](columns []column[R], rows []R) table {
	return tableOf(columns, func(each func(R) error) error {
		for _, row := range rows {
			if err := each(row); err != nil {
				return err
			}
		}
		return nil
	})
}
