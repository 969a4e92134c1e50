package store

import (
	"context"
	"fmt"
)

// SizeOptions are the options of PruneToSize.
type SizeOptions struct {
	Max    int64       // largest size of the pages in use, in bytes
	Before int64       // rows since this time in microseconds stay, whatever the size
	Rows   int         // as in PruneOptions
	GoOn   func() bool // as in PruneOptions
}

// PruneToSize deletes the oldest raw rows of all tables, and the messages, surplus and
// receiver's words of their time, until the pages in use have at most Max bytes. needed reports whether they
// still have more, because all rows that are left are newer than Before.
func (s *Store) PruneToSize(ctx context.Context, opts SizeOptions) (p Pruned, needed bool, err error) {
	before, rows := opts.Before-opts.Before%Hour, opts.Rows
	if rows == 0 {
		rows = rowsPerStep
	}
	for {
		step, done := p, false
		err := s.Update(ctx, func(tx *Tx) error {
			used, err := tx.UsedBytes()
			if err != nil || used <= opts.Max {
				step.Whole = err == nil
				return err
			}
			if deleted, err := tx.pruneUnneeded(before, rows); err != nil || deleted > 0 {
				return err
			}
			done, err = tx.pruneRaw(before, rows, &step)
			return err
		})
		if err != nil {
			return p, false, fmt.Errorf("prune: %w", err)
		}
		if p = step; p.Whole || done || opts.GoOn != nil && !opts.GoOn() {
			return p, done, nil
		}
	}
}

// pruneUnneeded deletes messages, then surplus, then the receiver's words that are older
// than all raw rows and before a time in microseconds.
func (tx *Tx) pruneUnneeded(before int64, rows int) (deleted int64, err error) {
	var rejected, put int64
	if err := tx.Get(&rejected, "SELECT MIN(?1, COALESCE((SELECT MIN(at) FROM rejections), ?1))", before); err != nil {
		return 0, err
	}
	if err := tx.Get(&put, "SELECT MIN(?1, COALESCE((SELECT MIN(at) FROM puts), ?1))", rejected); err != nil {
		return 0, err
	}
	if deleted, err = tx.delete(pruneMessages, rejected, rows); err != nil || deleted > 0 {
		return deleted, err
	}
	if deleted, err = tx.delete(pruneSurplus, put, rows); err != nil || deleted > 0 {
		return deleted, err
	}
	if deleted, err = tx.pruneErrors(put); err != nil || deleted > 0 {
		return deleted, err
	}
	return tx.delete(pruneUnitStates, put, rows)
}

// UsedBytes returns the size of the pages in use, in bytes.
func (tx *Tx) UsedBytes() (bytes int64, err error) {
	err = tx.Get(&bytes, `
		SELECT (page_count - freelist_count) * page_size
		FROM pragma_page_count, pragma_freelist_count, pragma_page_size`)
	return bytes, err
}
