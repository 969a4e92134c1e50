package report

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cis490/fleet-health/store"
	"github.com/google/renameio/v2"
)

// everyAlert selects all alerts of the database.
var everyAlert = store.AlertFilter{Until: store.MaxTime}

// Rewrite atomically replaces alerts.jsonl with a file of all alerts in the database,
// oldest first. It calls Reconcile first, which adopts the alerts that only the old file
// has, and refuses a link or a FIFO. If the old file has other lines too, Rewrite keeps it
// under another name. It returns the number of alerts, and that name or "". If the
// database has no alert, it writes nothing.
func Rewrite(ctx context.Context, s *store.Store, path string, now int64) (n int, kept string, err error) {
	if _, err := Reconcile(ctx, s, path, now); err != nil {
		return 0, "", err
	}
	source, err := s.Source(ctx, store.StreamAlerts)
	if err != nil {
		return 0, "", err
	}
	err = s.Update(ctx, func(tx *store.Tx) error {
		if n, err = tx.CountAlerts(everyAlert); err != nil || n == 0 {
			return err
		}
		kept, err = replace(tx, source, path, now)
		return err
	})
	if err != nil {
		return 0, "", fmt.Errorf("write %s anew: %w", path, err)
	}
	return n, kept, nil
}

// replace replaces the file at path with a file of all alerts. It returns the name under
// which it kept the old file, or "".
func replace(tx *store.Tx, source int64, path string, now int64) (kept string, err error) {
	f, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o640), renameio.WithExistingPermissions(), renameio.WithTempDir(filepath.Dir(path)))
	if err != nil {
		return "", unusable(err)
	}
	defer f.Cleanup()
	if err := keepOwner(f.File, path); err != nil {
		return "", err
	}
	size, err := writeEvery(tx, f)
	if err != nil {
		return "", err
	}
	if err := tx.MarkAllExported(now); err != nil {
		return "", err
	}
	if kept, err = keepOthers(tx, path, now); err != nil {
		return "", err
	}
	// Move the cursor before the file is replaced. If the commit fails after the
	// replacement, the old cursor does not match the new file, and the next pass reads
	// all of it.
	if err := moveCursor(tx, source, f, size, now); err != nil {
		return "", err
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return "", err
	}
	return kept, store.SyncDir(filepath.Dir(path))
}

// writeEvery writes all alerts, and returns their size in bytes.
func writeEvery(tx *store.Tx, w io.Writer) (size int64, err error) {
	out := bufio.NewWriter(w)
	err = tx.EachAlert(everyAlert, func(a store.Alert) error {
		n, err := out.WriteString(AlertJSON(a))
		size += int64(n)
		return err
	})
	if err != nil {
		return 0, err
	}
	return size, out.Flush()
}

// keepOthers links the file at path to a second name with the time in it, if some lines of
// the file are not in the table. It returns that name, or "".
func keepOthers(tx *store.Tx, path string, now int64) (kept string, err error) {
	f, err := openAlerts(path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	others, err := countLines(bufio.NewReader(f))
	if err == nil {
		_, err = readAlerts(f, 0, func(a store.Alert) error {
			ok, err := mayCount(tx, a, now)
			if ok {
				others--
			}
			return err
		})
	}
	if err != nil || others == 0 {
		return "", err
	}
	kept = store.Aside(path, time.UnixMicro(now))
	return kept, os.Link(path, kept)
}

// countLines counts lines that are not empty.
func countLines(r io.ByteReader) (n int, err error) {
	for before := byte('\n'); ; {
		c, err := r.ReadByte()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
		if before == '\n' && c != '\n' {
			n++
		}
		before = c
	}
}

// keepOwner gives a file that root creates to the owner of the file at path, or of its
// directory, so that the next pass can append to it.
func keepOwner(f *os.File, path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		info, err = os.Stat(filepath.Dir(path))
	}
	if err != nil {
		return err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		return f.Chown(int(owner.Uid), int(owner.Gid))
	}
	return nil
}

// HoldsAlerts returns ErrAlertsPath for a file that has content but no alert. Rewrite
// would otherwise replace another file, such as the index.
func HoldsAlerts(path string) error {
	f, err := openAlerts(path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	all, err := tailOf(f, f.size, unrelated, 0)
	if err == nil && f.size > 0 && all.alerts == 0 {
		err = fmt.Errorf("%s: %w", path, errNoAlert)
	}
	return err
}
