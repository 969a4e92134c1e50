package store

import (
	"context"
	"fmt"
)

const (
	// pagesPerStep is how many pages one step gives back: about 2 ms.
	pagesPerStep = 128
	// slackPages is how many free pages stay in the file for new rows.
	slackPages = 256
)

// GiveBack returns free pages at the end of the database to the disk, except for some
// that are needed soon. It works in steps, as Prune does. The next Checkpoint cuts the
// file. It returns the number of bytes.
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
