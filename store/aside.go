package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// MoveAside renames a database, with its write-ahead log, to a name beside it
// that holds the time, and returns that name; "" if there is no database. One
// of another program is ErrForeign. The caller holds the lock of the pass.
func MoveAside(ctx context.Context, path string, at time.Time) (aside string, err error) {
	if info, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	} else if err != nil || !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s: %w: it is not a regular file", path, ErrPath)
	}
	if err := peek(ctx, path); errors.Is(err, ErrForeign) {
		return "", err
	}
	aside = path + at.UTC().Format(".20060102T150405.000000Z")
	// The database last: without it, what is left of a crash in between would
	// be taken for the log of the new one.
	for _, suffix := range []string{"-shm", "-wal", ""} {
		if err := os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("move the database aside: %w", err)
		}
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", fmt.Errorf("move the database aside: %w", err)
	}
	defer dir.Close()
	return aside, dir.Sync()
}
