package store

import (
	"context"
	"fmt"
)

const (
	// pagesPerStep is the number of pages that one step gives back, in about 2 ms.
	pagesPerStep = 128
	// slackPages is the number of free pages that stay in the file for new rows.
	slackPages = 256
)

// GiveBack gives free pages at the end of the database back to the disk, except for the
// slack. It works in steps, as Prune does. The next Checkpoint shortens the file. It
// returns the number of bytes.
func (s *Store) GiveBack(ctx context.Context, goOn func() bool) (bytes int64, err error) {
	for {
		given := int64(0)
		err := s.Update(ctx, func(tx *Tx) (err error) { given, err = tx.giveBack(); return err })
		if err != nil {
			return bytes, fmt.Errorf("give pages back: %w", err)
		}
		if bytes += given; given == 0 || goOn != nil && !goOn() {
			return bytes, nil
		}
	}
}

// giveBack does one step.
func (tx *Tx) giveBack() (bytes int64, err error) {
	var free, size, before, after int64
	if err := tx.Get(&free, "PRAGMA freelist_count"); err != nil || free <= slackPages {
		return 0, err
	}
	if err := tx.Get(&size, "PRAGMA page_size"); err != nil {
		return 0, err
	}
	if err := tx.Get(&before, "PRAGMA page_count"); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(fmt.Sprintf("PRAGMA incremental_vacuum(%d)", min(pagesPerStep, free-slackPages))); err != nil {
		return 0, err
	}
	err = tx.Get(&after, "PRAGMA page_count")
	return (before - after) * size, err
}
