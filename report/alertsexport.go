package report

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/cis490/fleet-health/store"
)

// Export appends the alerts that are not in alerts.jsonl yet, syncs the file, and marks
// the alerts as exported. It returns their number. After a crash between these steps,
// Reconcile repairs the file.
func Export(ctx context.Context, s *store.Store, path string, now int64) (n int, err error) {
	if waiting, err := s.AnyNotExported(ctx); err != nil || !waiting {
		return 0, err
	}
	source, err := s.Source(ctx, store.StreamAlerts)
	if err != nil {
		return 0, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return 0, unusable(err)
	}
	f, err := openAlerts(path, os.O_RDWR|os.O_CREATE)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if f.size == 0 {
		// A power cut may tear the first export. Without a cursor, Reconcile would
		// refuse what is left as another program's file.
		if err := s.Update(ctx, func(tx *store.Tx) error { return moveCursor(tx, source, f, 0, now) }); err != nil {
			return 0, err
		}
	}
	err = s.Update(ctx, func(tx *store.Tx) error {
		var end int64
		if n, end, err = appendAlerts(tx, f); err != nil {
			// The lines may never reach the disk, so the next pass must not find them.
			f.Truncate(f.size)
			return fmt.Errorf("append alerts: %w", err)
		}
		if f.size == 0 {
			if err := store.SyncDir(filepath.Dir(path)); err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
		}
		if err := tx.MarkAllExported(now); err != nil {
			return err
		}
		return moveCursor(tx, source, f, end, now)
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// appendAlerts appends the alerts that are not exported yet, and syncs the file. It
// returns their number, and the offset up to which the file agrees with the table.
func appendAlerts(tx *store.Tx, f *alertsFile) (n int, end int64, err error) {
	n, written, err := writeAlerts(tx, f)
	if err != nil {
		return 0, 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, 0, err
	}
	end, err = f.Seek(0, io.SeekCurrent)
	if end != f.size+written {
		end = f.size // another program appended too; the next pass reads its lines
	}
	return n, end, err
}

// appendBytes is the approximate number of bytes in one write.
const appendBytes = 64 << 10

// writeAlerts writes the alerts that are not exported yet. It returns their number and
// their size in bytes. Each write has whole lines only: another program may append to
// the file at the same time, and must not split a line of ours.
func writeAlerts(tx *store.Tx, w io.Writer) (n int, written int64, err error) {
	var lines bytes.Buffer
	flush := func() error {
		m, err := lines.WriteTo(w)
		written += m
		return err
	}
	err = tx.EachNotExported(func(a store.Alert) error {
		n++
		lines.WriteString(AlertJSON(a))
		if lines.Len() < appendBytes {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	return n, written, err
}
