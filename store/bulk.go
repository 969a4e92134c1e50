package store

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
)

// rowsPerStatement is the number of rows in one INSERT. The speed is the same from 50 to
// 1,000 rows, and a fifth of that with single rows.
const rowsPerStatement = 250

// insertMany inserts n rows with few statements, and returns the number of rows that were
// inserted or updated. row sets the values of the i-th row. head is the statement before
// VALUES, tail the part after the last row. The values go directly to the driver, because
// database/sql would spend a sixth of the time on checking them.
func (tx *Tx) insertMany(head, tail string, columns, n int, row func(i int, values []driver.NamedValue)) (affected int, err error) {
	err = tx.s.conn.Raw(func(conn any) error {
		affected, err = insertOn(conn, head, tail, columns, n, row)
		return err
	})
	return affected, err
}

func insertOn(conn any, head, tail string, columns, n int, row func(i int, values []driver.NamedValue)) (affected int, err error) {
	prepare, ok := conn.(driver.ConnPrepareContext)
	if !ok {
		return 0, fmt.Errorf("driver %T does not prepare statements", conn)
	}
	ctx := context.Background() // as in Update
	args := make([]driver.NamedValue, columns*min(n, rowsPerStatement))
	for i := range args {
		args[i].Ordinal = i + 1
	}
	for done := 0; done < n; {
		// Run a full statement as often as possible, then a smaller one for the rest.
		rows := min(n-done, rowsPerStatement)
		statement, err := prepare.PrepareContext(ctx, head+values(columns, rows)+tail)
		if err != nil {
			return affected, err
		}
		for ; n-done >= rows && err == nil; done += rows {
			for i := range rows {
				row(done+i, args[i*columns:(i+1)*columns])
			}
			var result driver.Result
			if result, err = statement.(driver.StmtExecContext).ExecContext(ctx, args[:rows*columns]); err == nil {
				var changed int64
				changed, err = result.RowsAffected()
				affected += int(changed)
			}
		}
		if closeErr := statement.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return affected, err
		}
	}
	return affected, nil
}

// setInts sets the first values of a row.
func setInts(values []driver.NamedValue, ints ...int64) {
	for i, v := range ints {
		values[i].Value = v
	}
}

// values returns rows of question marks: VALUES (?,?),(?,?).
func values(columns, rows int) string {
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", columns), ",") + "),"
	return " VALUES " + strings.TrimSuffix(strings.Repeat(row, rows), ",")
}
