package report

import (
	"database/sql"
	"fmt"

	"github.com/cis490/fleet-health/store"
)

// factCount is a row of a query that counts facts.
type factCount struct {
	of   int64 // the id of the host; a time in microseconds in a query about one host
	kind int64 // the status or the time, as the query says
	n    int64
}

// eachCount runs a query and calls each for every row. The query has the columns of
// factCount.
//
// A report over 90 days reads millions of rows. Scan is fast into an any, but uses
// reflection to convert into an int64.
func eachCount(tx *store.Tx, query string, params map[string]any, each func(factCount)) error {
	args := make([]any, 0, len(params))
	for name, value := range params {
		args = append(args, sql.Named(name, value))
	}
	rows, err := tx.Query(query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var row [3]any
	for rows.Next() {
		if err := rows.Scan(&row[0], &row[1], &row[2]); err != nil {
			return err
		}
		var c [3]int64
		for i, value := range row {
			n, ok := value.(int64)
			if !ok { // the database is damaged
				return fmt.Errorf("a count of facts has %T instead of an integer", value)
			}
			c[i] = n
		}
		each(factCount{c[0], c[1], c[2]})
	}
	return rows.Err()
}
