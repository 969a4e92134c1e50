package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx"
)

// ErrMemory: a query needed more memory than it was given.
var ErrMemory = errors.New("the query needs too much memory")

// Query is a statement of somebody else's, to be run on a database that it
// cannot change.
type Query struct {
	*Statement
	// Args are the values of its parameters: nil, int64, float64 or string.
	Args map[string]any
	// Memory is by how many bytes the process may grow meanwhile; 0 is no limit.
	Memory int64
}

// answer is a part of what a query returns: first the columns, then its rows.
type answer struct {
	columns []string
	row     []any
}

// Run runs a query on the database at path, on a connection of its own, and
// hands its columns and then each row to the caller; a value is nil, int64,
// float64, string or []byte. It returns ErrQuery if the statement is at fault,
// and the context's error once the context is done.
//
// The driver watches a context until the first row has come, not between that
// and the next, and SQLite not in the middle of a function. So the query has a
// goroutine of its own, which owns the connection: if it does not end when it
// should, it is left to itself, and ends with the process.
func (q Query) Run(ctx context.Context, path string, columns func([]string) error, row func([]any) error) error {
	ctx, cancel := context.WithCancel(ctx)
	// Without a buffer: a row may have many megabytes.
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
			// It could go on growing while it is waited for.
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

// drain waits for a query that has been told to end, but not for one that
// cannot hear it.
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

// ask runs the query, and sends what it returns.
func (q Query) ask(ctx context.Context, path string, answers chan<- answer) error {
	db, err := openReader(ctx, path, "mode=ro&_pragma=query_only(1)&_pragma=temp_store(2)")
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Connx(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", path, wrap(err))
	}
	defer conn.Close()
	var g guard
	err = g.install(conn.Conn)
	if err == nil {
		err = g.explain(q.send(ctx, conn, answers))
	}
	if err != nil && !errors.Is(err, ErrQuery) {
		err = fmt.Errorf("%s: %w", path, err)
	}
	return err
}

func (q Query) send(ctx context.Context, conn *sqlx.Conn, answers chan<- answer) error {
	args := make([]any, 0, len(q.Args))
	for name, value := range q.Args {
		args = append(args, sql.Named(name, value))
	}
	rows, err := conn.QueryxContext(ctx, q.text, args...)
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
		values, err := rows.SliceScan()
		if err != nil {
			return err
		}
		for i, v := range values {
			// The driver reads the times of a column declared TIMESTAMP. The one
			// that there is, is goose's, and has them in this form.
			if t, ok := v.(time.Time); ok {
				values[i] = t.Format(time.DateTime)
			}
		}
		next = answer{row: values}
	}
}

// memory is how many bytes of memory the process has, as the kernel counts them.
func memory() int64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if fields := bytes.Fields(statm); err == nil && len(fields) > 1 {
		if pages, err := strconv.ParseInt(string(fields[1]), 10, 64); err == nil {
			return pages * int64(os.Getpagesize())
		}
	}
	return 0
}
