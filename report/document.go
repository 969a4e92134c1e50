package report

// document is a report: a table, and what stands around it for people. Programs get the
// rows of the table alone.
type document struct {
	table
	above func() (above, error)          // called before the rows; nil for nothing
	below func(page) (string, error)     // called after the rows; nil for nothing
	lines func(func(string) error) error // the rows as NDJSON, if that is not made of the columns
}

// above is what stands above a table.
type above struct {
	verdict string      // a line of its own, "" for none
	heading []string    // parts of one sentence, none for none
	blind   []blindness // the newest of which are named
}

// table is the rows of a report.
type table struct {
	shapes []shape
	rows   func(func([]value) error) error
	sum    func() []value // a last row for people, which is called after the others; nil for none
}

// shape is how a column is written.
type shape struct {
	key   string // its name in CSV and JSON; "" leaves it out there
	head  string // its name in tables; "" leaves it out there
	right bool   // figures stand to the right
	drop  int    // a narrow terminal loses the columns with a 1 first, then 2, …; 0 is never lost
	cut   int    // how many columns of the terminal it may be shortened to when no more can be lost; 0 is never
	typed bool   // it is of somebody's own SQL: right and cut follow from its values, and it is lost if it has no room
}

// column is a column of rows of a type, and its value in one of them.
type column[R any] struct {
	key, head string
	right     bool
	drop, cut int
	of        func(R) value
}

// tableOf makes a table of columns and of what hands each row to a function.
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

// valuesOf returns a row's value in each column.
func valuesOf[R any](columns []column[R], row R) []value {
	values := make([]value, len(columns))
	for i, c := range columns {
		values[i] = c.of(row)
	}
	return values
}

// tableOfAll is tableOf for rows that are held in memory.
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
