package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
)

// rowsPerStep is the number of rows that one step deletes. A step takes about 2 ms, a
// quarter of it for the commit.
const rowsPerStep = 4000

// PruneOptions are the options of Prune.
type PruneOptions struct {
	Before int64       // delete whole hours of rows before this time, in microseconds
	Alerts int64       // delete alerts, ended incidents and what operators did before this time, in microseconds; 0 keeps all
	Rows   int         // rows of a step, which is one transaction; 0 means 4,000
	GoOn   func() bool // called after each step; false stops; nil never stops
}

// Pruned counts deleted rows.
type Pruned struct {
	Ships      int `db:"ships"`
	Puts       int `db:"puts"`
	Rejections int `db:"rejections"`
	Passes     int `db:"passes"`
	// Whole means that no row before PruneOptions.Before is left.
	Whole bool `db:"-"`
}

// Raw counts the raw rows.
func (p Pruned) Raw() int { return p.Ships + p.Puts + p.Rejections }

// Prune deletes whole hours of raw rows, oldest first. Then it deletes rows of other tables
// that are as old or no longer needed, and then passes without alerts. It keeps the
// rollups of hosts that shipped, and the newest KeptPasses passes. It does at least one
// step. If a step fails, the steps before it stay done.
func (s *Store) Prune(ctx context.Context, opts PruneOptions) (p Pruned, err error) {
	before, rows := opts.Before-opts.Before%Hour, cmp.Or(opts.Rows, rowsPerStep)
	// With foreign keys on, SQLite would scan all rollups for each host that is deleted.
	if err := s.foreignKeys(ctx, false); err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, s.foreignKeys(context.WithoutCancel(ctx), true)) }()
	for {
		step := p
		err := s.Update(ctx, func(tx *Tx) error {
			done, err := tx.pruneRaw(before, rows, &step)
			if err == nil && done {
				done, err = tx.pruneRest(before, opts.Alerts, rows)
			}
			if err == nil && done {
				err = tx.prunePasses(before, rows, &step)
			}
			return err
		})
		if err != nil {
			return p, fmt.Errorf("prune: %w", err)
		}
		if p = step; p.Whole || opts.GoOn != nil && !opts.GoOn() {
			return p, nil
		}
	}
}

func (s *Store) foreignKeys(ctx context.Context, on bool) error {
	_, err := s.conn.ExecContext(ctx, fmt.Sprintf("PRAGMA foreign_keys = %t", on))
	return s.wrap(err)
}

// oldestTable answers: which raw table has the oldest row before a time? Each minimum is a
// query of its own. With one WHERE for all, SQLite would read all rows.
const oldestTable = `
SELECT name
FROM (
  SELECT 'ships' AS name, (SELECT MIN(received_at) FROM ships) AS at
  UNION ALL
  SELECT 'puts', (SELECT MIN(at) FROM puts)
  UNION ALL
  SELECT 'rejections', (SELECT MIN(at) FROM rejections)
)
WHERE at < ?
ORDER BY at
LIMIT 1`

// lastOfStep answers: what is the time of the last of the n oldest rows before a time?
const lastOfStep = `
SELECT MAX(at)
FROM (
  SELECT %[2]s AS at
  FROM %[1]s
  WHERE %[2]s < ?
  ORDER BY %[2]s
  LIMIT ?
)`

// pruneRaw does one step on the raw rows. done is true if there was nothing to delete.
func (tx *Tx) pruneRaw(before int64, rows int, p *Pruned) (done bool, err error) {
	var tables []string
	if err := tx.Select(&tables, oldestTable, before); err != nil || len(tables) == 0 {
		return err == nil, err
	}
	table, column, count := tables[0], "at", &p.Puts
	switch table {
	case "ships":
		column, count = "received_at", &p.Ships
	case "rejections":
		count = &p.Rejections
	}
	var last int64
	if err := tx.Get(&last, fmt.Sprintf(lastOfStep, table, column), before, rows); err != nil {
		return false, err
	}
	// The horizon moves to the end of an hour with the first deleted row, because the
	// rollup of that hour can no longer be computed from its rows. It moves no further:
	// if the clock is years ahead, facts that are read after its correction must not
	// count as pruned.
	if err := tx.prunedBefore(table, (last/Hour+1)*Hour); err != nil {
		return false, err
	}
	// Rows of the same microsecond are deleted together, because the time is not a key.
	result, err := tx.Exec("DELETE FROM "+table+" WHERE "+column+" <= ?", last)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	*count += int(n)
	return false, err
}

// Prunable counts what Prune would delete.
func (tx *Tx) Prunable(before int64) (p Pruned, err error) {
	before -= before % Hour
	beforePasses, err := tx.passesBefore(before)
	if err != nil {
		return p, err
	}
	err = tx.Get(&p, `
		SELECT
		  (SELECT COUNT(*) FROM ships WHERE received_at < ?) AS ships,
		  (SELECT COUNT(*) FROM puts WHERE at < ?) AS puts,
		  (SELECT COUNT(*) FROM rejections WHERE at < ?) AS rejections,
		  (SELECT COUNT(*) FROM (`+prunablePasses+`)) AS passes`, before, before, before, beforePasses, -1)
	return p, err
}

// PrunableBytes estimates the bytes that GiveBack returns to the disk after these rows are
// pruned: their share of the pages of each table, and the free pages, less the slack. It
// assumes that rows are equally long, and that rows of one time lie together.
func (tx *Tx) PrunableBytes(p Pruned) (bytes int64, err error) {
	err = tx.Get(&bytes, `
		SELECT MAX(0, CAST(SUM(bytes) AS INTEGER))
		FROM (
		  SELECT
		    SUM(pgsize) * (CASE name WHEN 'ships' THEN ? WHEN 'puts' THEN ? ELSE ? END) * 1.0 / MAX(SUM(ncell), 1) AS bytes
		  FROM dbstat
		  WHERE aggregate = 1 AND name IN ('ships', 'puts', 'rejections')
		  GROUP BY name
		  UNION ALL
		  SELECT (freelist_count - ?) * page_size
		  FROM pragma_freelist_count, pragma_page_size
		)`, p.Ships, p.Puts, p.Rejections, slackPages)
	return bytes, err
}
