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

// everyAlert asks for every alert that the database holds.
var everyAlert = store.AlertFilter{Until: store.MaxTime}

// Rewrite replaces alerts.jsonl, in one step, with a file of every alert in the
// database, oldest first. Before that, Reconcile adopts the alerts that stand only in
// the old file, and refuses a link or a FIFO. An old file with lines that are no alerts
// of the table is kept under another name. Rewrite returns the number of alerts that it
// wrote, and that name, "" for none. If the database has no alert, it writes nothing.
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

// replace replaces the file at path with one that holds every alert. It returns the
// name under which it kept the old file, "" for none.
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
	// Set the position before the file is replaced: if the commit fails after that, the
	// next pass sees that the file never had the old position, and reads all of it.
	if err := setPosition(tx, source, f, size, now); err != nil {
		return "", err
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return "", err
	}
	return kept, store.SyncDir(filepath.Dir(path))
}

// writeEvery writes every alert, and returns how many bytes that took.
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

// keepOthers links the file at path to a name with the time if some of its lines are not
// in the table. It returns that name, "" for none.
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

// keepOwner gives a file that root creates to the owner of the file at path, or of
// its directory. Otherwise the next pass could not append to it.
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

// HoldsAlerts returns ErrAlertsPath for a file that has content, but no alert: it is
// some other file, such as the index, and Rewrite would replace it.
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
