package report

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cis490/fleet-health/store"
)

// Reconciled says what Reconcile found beyond the known position, in lines.
type Reconciled struct {
	Adopted int // alerts that the table did not have
	Ignored int // alerts with the key of another alert, or of an hour to come
}

// Reconcile reads what stands in alerts.jsonl beyond the known position, and if
// that file was rotated away since, in alerts.jsonl.1: lines of ours whose mark
// was lost in a crash are marked, lines of the predecessor become history, a torn
// last alert is cut off. A line that may not count is left alone. A file that
// holds something, but no alert, is ErrAlertsPath the first time.
func Reconcile(ctx context.Context, s *store.Store, path string, now int64) (done Reconciled, err error) {
	source, err := s.Source(ctx, store.StreamAlerts)
	if err != nil {
		return done, err
	}
	stored, err := s.Cursor(ctx, source)
	if err != nil {
		return done, err
	}
	first := stored.State == ""
	var known position
	json.Unmarshal([]byte(stored.State), &known)
	f, err := openAlerts(path, os.O_RDWR)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return done, err
	}
	size := int64(0)
	if f != nil {
		size = f.size
		defer f.Close()
	}
	offset, same := int64(0), f != nil && known.in(f)
	if same {
		offset = known.Offset
	}
	var rotated *alertsFile
	if offset == 0 {
		if rotated, err = openRotated(ctx, s, path, known, first); err != nil {
			return done, err
		}
	}
	if rotated != nil {
		defer rotated.Close()
	}
	if rotated == nil && (f == nil || offset == size && !first) {
		return done, nil
	}
	if same {
		if size, err = cutAtHole(f.File, offset, size); err != nil {
			return done, fmt.Errorf("%s: %w", path, err)
		}
	}
	err = s.Update(ctx, func(tx *store.Tx) error {
		found := 0
		read := func(a store.Alert) error {
			found++
			if ok, err := mayCount(tx, a, now); err != nil || !ok {
				done.Ignored++
				return err
			}
			a.ExportedAt.Int64, a.ExportedAt.Valid = now, true
			added, err := tx.AddAlert(asStored(a))
			if added {
				done.Adopted++
			} else if err == nil {
				err = tx.MarkExported(a.DedupKey, now)
			}
			return err
		}
		if rotated != nil {
			if _, err := readAlerts(rotated, known.Offset, read); err != nil {
				return err
			}
			if err := rotated.Sync(); err != nil {
				return err
			}
		}
		if f == nil {
			return store.SyncDir(filepath.Dir(path))
		}
		found = 0
		whole, err := readAlerts(f, offset, read)
		if err != nil {
			return err
		}
		switch {
		case first && found == 0 && whole > 0:
			err = errNoAlert
		case whole < size:
			err = f.Truncate(whole)
		case whole > size:
			_, err = f.Write([]byte("\n"))
		}
		if err != nil {
			return err
		}
		// A crash may have come before the lines were synced, or the file's name.
		if err := f.Sync(); err != nil {
			return err
		}
		if err := store.SyncDir(filepath.Dir(path)); err != nil {
			return err
		}
		return setPosition(tx, source, f, whole, now)
	})
	if err != nil {
		return Reconciled{}, fmt.Errorf("%s: %w", path, err)
	}
	return done, nil
}

// openRotated opens alerts.jsonl.1, if it may have alerts beyond the known position:
// nil if not. At position 0 only those that wait to be appended matter; the first
// time, all do. What may not be read is passed over.
func openRotated(ctx context.Context, s *store.Store, path string, known position, first bool) (*alertsFile, error) {
	if known.Offset == 0 && !first {
		if waiting, err := s.AnyNotExported(ctx); err != nil || !waiting {
			return nil, err
		}
	}
	f, err := openAlerts(path+".1", os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrAlertsPath) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !first && (f.size == known.Offset || !known.in(f)) {
		f.Close()
		return nil, nil
	}
	return f, nil
}

// cutAtHole ends a file before the first NUL behind an offset, and returns its
// size. After a power cut, pages of what was not synced may be empty, and others
// behind them not. Whatever was appended there is still to be exported.
func cutAtHole(f *os.File, offset, size int64) (int64, error) {
	tail := bufio.NewReader(io.NewSectionReader(f, offset, size-offset))
	for {
		chunk, err := tail.ReadSlice(0)
		offset += int64(len(chunk))
		switch {
		case err == nil:
			return offset - 1, f.Truncate(offset - 1)
		case errors.Is(err, io.EOF):
			return size, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return 0, err
		}
	}
}

// mayCount reports whether an alert that stands in a file may be stored or marked.
// One of an hour to come may not, unless it is known: it is ours from before the
// clock went back.
func mayCount(tx *store.Tx, a store.Alert, now int64) (bool, error) {
	if !keyFits(a) || a.DetectedAt/store.Hour <= now/store.Hour {
		return keyFits(a), nil
	}
	known, err := tx.Alert(a.DedupKey)
	return known != nil, err
}
