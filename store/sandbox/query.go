// Package sandbox runs one SQL statement of an operator on the database, and allows it only
// to read. ParseStatement finds the statement and its parameters, and Query.Run runs it. A
// statement that would write, attach another file or change a setting is refused. One
// that takes too long or too much memory is ended.
//
// It imports package store to open the database, and no other package of the program.
package sandbox

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/cis490/fleet-health/store"
)

// ErrMemory means that a query needed more memory than Query.Memory.
var ErrMemory = errors.New("the query needs too much memory")

// Query is a statement with the values of its parameters.
type Query struct {
	*Statement
	// Args are the values by parameter name: nil, int64, float64 or string.
	Args map[string]any
	// Memory is the number of bytes by which the process may grow while the query runs. 0
	// is no limit.
	Memory int64
}

// answer is a part of the result: first the columns, then each row.
type answer struct {
	columns []string
	row     []any
}

// Run runs a query on the database at path, on its own connection. It calls columns once,
// and then row for each row. A value is nil, int64, float64, string or []byte. It returns
// ErrQuery if the statement is at fault, ErrMemory, the context's error once the context
// is done, or an error of package store.
//
// The driver watches the context only until the first row, and SQLite cannot be
// stopped inside a function. So the query runs in a goroutine that owns the
// connection. If it does not stop in time, Run returns without waiting, and the query ends
// with the process.
func (q Query) Run(ctx context.Context, path string, columns func([]string) error, row func([]any) error) error {
	ctx, cancel := context.WithCancel(ctx)
	// The channel has no buffer, because a row may have many megabytes.
	answers, ended := make(chan answer), make(chan error, 1)
	go func() {
		ended <- q.ask(ctx, path, answers)
		close(answers)
	}()
	defer cancel()
	watch := time.NewTicker(20 * time.Millisecond)
	defer watch.Stop()
	before := memory()
	for {
		select {
		case <-ctx.Done():
			drain(answers)
			return ctx.Err()
		case <-watch.C:
			// Do not wait for the query here, because it could continue to grow.
			if q.Memory > 0 && memory()-before > q.Memory {
				return fmt.Errorf("%w: more than %d MiB", ErrMemory, q.Memory>>20)
			}
		case a, more := <-answers:
			var err error
			switch {
			case !more:
				return <-ended
			case a.row == nil:
				err = columns(a.columns)
			default:
				err = row(a.row)
			}
			if err != nil {
				cancel()
				drain(answers)
				return err
			}
		}
	}
}

// drain waits up to a second for a cancelled query to stop.
func drain(answers <-chan answer) {
	enough := time.After(time.Second)
	for more := true; more; {
		select {
		case _, more = <-answers:
		case <-enough:
			return
		}
	}
}

// ask opens the database, runs the query, and sends its answers.
func (q Query) ask(ctx context.Context, path string, answers chan<- answer) error {
	s, err := store.OpenReadOnly(ctx, path)
	if err != nil {
		return err
	}
	defer s.Close()
	return s.OnConn(func(conn *sql.Conn) error {
		var g guard
		if err := g.install(ctx, conn); err != nil {
			return err
		}
		return g.explain(q.send(ctx, conn, answers))
	})
}

// send runs the query, and sends its columns and rows.
func (q Query) send(ctx context.Context, conn *sql.Conn, answers chan<- answer) error {
	args := make([]any, 0, len(q.Args))
	for name, value := range q.Args {
		args = append(args, sql.Named(name, value))
	}
	rows, err := conn.QueryContext(ctx, q.text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	next := answer{columns: names}
	for {
		select {
		case answers <- next:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !rows.Next() {
			return rows.Err()
		}
		row, err := scan(rows, len(names))
		if err != nil {
			return err
		}
		next = answer{row: row}
	}
}

// scan returns the values of a row.
func scan(rows *sql.Rows, columns int) ([]any, error) {
	values, into := make([]any, columns), make([]any, columns)
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, err
	}
	for i, v := range values {
		// The driver parses columns declared TIMESTAMP. Only goose has one, and it
		// stores times in this form.
		if t, ok := v.(time.Time); ok {
			values[i] = t.Format(time.DateTime)
		}
	}
	return values, nil
}

// memory returns the size of the process in bytes, as the kernel counts it; 0 if that
// is not known.
func memory() int64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if fields := bytes.Fields(statm); err == nil && len(fields) > 1 {
		if pages, err := strconv.ParseInt(string(fields[1]), 10, 64); err == nil {
			return pages * int64(os.Getpagesize())
		}
	}
	return 0
}
