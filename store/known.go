package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"
)

// rawTable is a table of raw facts and its key, time first.
type rawTable struct {
	name string
	key  []string
}

var (
	shipsTable      = rawTable{"ships", []string{"received_at", "series_id", "line_hash"}}
	putsTable       = rawTable{"puts", []string{"at", "cursor_hash"}}
	rejectionsTable = rawTable{"rejections", []string{"at", "cursor_hash"}}
	errorsTable     = rawTable{"receiver_errors", []string{"at", "cursor_hash"}}
)

// dropKnown returns the facts of a batch that are not in a raw table yet. newest is the
// time of the newest row that is not later than the batch, -1 for none. The facts must be
// sorted by time and have distinct keys. key sets the key of the i-th fact.
//
// Most batches are later than all rows, and one look at the index shows that. Only facts
// up to newest are looked up by their key. So the work grows with the batch, not with the
// rows of its hours.
func dropKnown[F any](tx *Tx, table rawTable, facts []F, key func(i int, values []driver.NamedValue)) (unknown []F, newest int64, err error) {
	if len(facts) == 0 {
		return facts, -1, nil
	}
	one := make([]driver.NamedValue, len(table.key))
	at := func(i int) int64 {
		key(i, one)
		return one[0].Value.(int64)
	}
	err = tx.QueryRow(fmt.Sprintf("SELECT COALESCE(MAX(%[2]s), -1) FROM %[1]s WHERE %[2]s <= ?", table.name, table.key[0]), at(len(facts)-1)).Scan(&newest)
	if err != nil || newest < at(0) {
		return facts, newest, err
	}
	maybe := sort.Search(len(facts), func(i int) bool { return at(i) > newest })
	fresh := facts[:0]
	err = tx.s.conn.Raw(func(conn any) error {
		return eachUnknown(conn, table, maybe, key, func(i int) { fresh = append(fresh, facts[i]) })
	})
	return append(fresh, facts[maybe:]...), newest, err
}

// eachUnknown calls found, in order, for each of the first n facts whose key is not in
// a table.
func eachUnknown(conn any, table rawTable, n int, key func(i int, values []driver.NamedValue), found func(i int)) error {
	prepare, ok := conn.(driver.ConnPrepareContext)
	if !ok {
		return fmt.Errorf("driver %T does not prepare statements", conn)
	}
	columns := len(table.key)
	args := make([]driver.NamedValue, columns*min(n, rowsPerStatement))
	for i := range args {
		args[i].Ordinal = i + 1
	}
	for done := 0; done < n; {
		// As in insertOn, run a full statement as often as possible, then a smaller one.
		rows := min(n-done, rowsPerStatement)
		statement, err := prepare.PrepareContext(context.Background(), unknownKeys(table, rows))
		if err != nil {
			return err
		}
		for ; n-done >= rows && err == nil; done += rows {
			for i := range rows {
				key(done+i, args[i*columns:(i+1)*columns])
			}
			err = eachIndex(statement, args[:rows*columns], func(i int64) { found(done + int(i)) })
		}
		if err = errors.Join(err, statement.Close()); err != nil {
			return err
		}
	}
	return nil
}

// eachIndex runs a query with one column, and calls each with the number of each row.
func eachIndex(statement driver.Stmt, args []driver.NamedValue, each func(i int64)) error {
	rows, err := statement.(driver.StmtQueryContext).QueryContext(context.Background(), args)
	if err != nil {
		return err
	}
	row := make([]driver.Value, 1)
	for err = rows.Next(row); err == nil; err = rows.Next(row) {
		each(row[0].(int64))
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, rows.Close())
}

// unknownKeys returns a query for the indices of those of n keys that are not in a table.
func unknownKeys(table rawTable, n int) string {
	var query strings.Builder
	fmt.Fprintf(&query, "WITH given (i, %s) AS (VALUES ", strings.Join(table.key, ", "))
	for i := range n {
		if i > 0 {
			query.WriteByte(',')
		}
		fmt.Fprintf(&query, "(%d%s)", i, strings.Repeat(",?", len(table.key)))
	}
	fmt.Fprintf(&query, ") SELECT i FROM given WHERE NOT EXISTS (SELECT 1 FROM %s AS known WHERE TRUE", table.name)
	for _, column := range table.key {
		fmt.Fprintf(&query, " AND known.%[1]s = given.%[1]s", column)
	}
	query.WriteString(")")
	return query.String()
}
