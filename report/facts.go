package report

import (
	"database/sql"

	"github.com/cis490/fleet-health/store"
)

// counted is a row of a query that counts facts.
type counted struct {
	of   int64 // the host's id; in a query of one host, a time in microseconds
	kind int64 // the status, or the time; its query says which
	n    int64
}

// eachCounted runs a query whose columns are those of counted, none of them NULL, and
// calls each for each row.
//
// A report over 90 days reads millions of rows: Scan copies into an any, and would
// convert into an int64 by reflection.
func eachCounted(tx *store.Tx, query string, params map[string]any, each func(counted)) error {
	args := make([]any, 0, len(params))
	for name, value := range params {
		args = append(args, sql.Named(name, value))
	}
	rows, err := tx.Query(query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var of, kind, n any
	for rows.Next() {
		if err := rows.Scan(&of, &kind, &n); err != nil {
			return err
		}
		each(counted{of.(int64), kind.(int64), n.(int64)})
	}
	return rows.Err()
}
