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

// Export appends the alerts that are not in alerts.jsonl yet, syncs the file, marks
// them as exported, and returns how many there were. Reconcile repairs the file if a
// crash comes in between.
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
		// Without a position, Reconcile would take the remains of a first export that a
		// power cut tore for another program's file, and refuse it.
		if err := s.Update(ctx, func(tx *store.Tx) error { return setPosition(tx, source, f, 0, now) }); err != nil {
			return 0, err
		}
	}
	err = s.Update(ctx, func(tx *store.Tx) error {
		var end int64
		if n, end, err = appendAlerts(tx, f); err != nil {
			// The next pass must not find lines that may never reach the disk.
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
		return setPosition(tx, source, f, end, now)
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// appendAlerts appends the alerts that are not exported yet, and syncs the file. It
// returns how many there were, and the offset up to which the file agrees with the table.
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
		end = f.size // another program appended too: the next pass reads its lines
	}
	return n, end, err
}

// appendBytes is about how many bytes are written at a time.
const appendBytes = 64 << 10

// writeAlerts writes the alerts that are not exported yet. It returns how many there
// were, and how many bytes they took. It writes whole lines at a time, so that a line
// that another program appends does not end up inside one of ours.
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
