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

// Rewrite writes alerts.jsonl anew, with every alert that the database holds,
// oldest first, and puts it in the old one's place at once. Alerts that stood in
// the old one alone are adopted before, which refuses a link or a FIFO. It returns
// how many it wrote. An old file in which other lines stand keeps a name, with the
// time, beside the new one: kept, "" for none.
func Rewrite(ctx context.Context, s *store.Store, path string, now int64) (n int, kept string, err error) {
	if _, err := Reconcile(ctx, s, path, now); err != nil {
		return 0, "", err
	}
	source, err := s.Source(ctx, store.StreamAlerts)
	if err != nil {
		return 0, "", err
	}
	err = s.Update(ctx, func(tx *store.Tx) error {
		every := store.AlertFilter{Until: store.MaxTime}
		if n, err = tx.CountAlerts(every); err != nil || n == 0 {
			return err
		}
		f, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o640), renameio.WithExistingPermissions(), renameio.WithTempDir(filepath.Dir(path)))
		if err != nil {
			return unusable(err)
		}
		defer f.Cleanup()
		if err := keepOwner(f.File, path); err != nil {
			return err
		}
		out := bufio.NewWriter(f)
		size := int64(0)
		err = tx.EachAlert(every, func(a store.Alert) error {
			written, err := out.WriteString(AlertJSON(a))
			size += int64(written)
			return err
		})
		if err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
		if err := tx.MarkAllExported(now); err != nil {
			return err
		}
		if kept, err = keepOthers(tx, path, now); err != nil {
			return err
		}
		// The position first: should the commit fail, the next pass finds that
		// the file is not the one it knew, and reads it whole.
		if err := setPosition(tx, source, f, size, now); err != nil {
			return err
		}
		if err := f.CloseAtomicallyReplace(); err != nil {
			return err
		}
		return store.SyncDir(filepath.Dir(path))
	})
	if err != nil {
		return 0, "", fmt.Errorf("write %s anew: %w", path, err)
	}
	return n, kept, nil
}

// keepOthers gives the file at path another name, beside its own, if it has lines
// that are not in the table.
func keepOthers(tx *store.Tx, path string, now int64) (kept string, err error) {
	f, err := openAlerts(path, os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	others, err := lines(bufio.NewReader(f))
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

// lines counts lines, but for those that are empty.
func lines(r io.ByteReader) (n int, err error) {
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

// keepOwner gives a file that root makes to the owner of the one at path, or of
// its directory: the pass must be able to go on with it.
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

// HoldsAlerts refuses a file in which something stands, but no alert: it is
// another one, the index say, and would be written over.
func HoldsAlerts(path string) error {
	f, err := openAlerts(path, os.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	found := 0
	_, err = readAlerts(f, 0, func(store.Alert) error { found++; return nil })
	if err == nil && f.size > 0 && found == 0 {
		err = fmt.Errorf("%s: %w", path, errNoAlert)
	}
	return err
}
