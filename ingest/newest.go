package ingest

import (
	"context"
	"errors"
	"io"
)

// NewestEntry returns the time of a unit's newest journal entry, in microseconds, or 0 if
// there is none. A journal that this user may not read gives ErrUnread, as in Journal.
// If journalctl left out files, leftOut names them, and at covers only the others.
func NewestEntry(ctx context.Context, opts JournalOptions) (at int64, leftOut, err error) {
	if opts.Directory == "" {
		if err := systemJournalReadable(opts.SystemDirs); err != nil {
			return 0, nil, err
		}
	}
	var stderr journalctlStderr
	err = runJournalctl(ctx, opts, append(entryArgs(opts), "--lines=1"), &stderr, func(out io.Reader) error {
		entries := newExportReader(out, 0)
		for {
			e, err := entries.next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			at = e.at
		}
	})
	if files := stderr.leftOut(); len(files) > 0 {
		leftOut = (&missed{Files: files}).err()
	}
	return at, leftOut, err
}
