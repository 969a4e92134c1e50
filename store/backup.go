package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jmoiron/sqlx"
	"golang.org/x/sys/unix"
)

// ErrTarget: a copy cannot be written there: something has that name already,
// or there is no such directory, or no permission.
var ErrTarget = errors.New("no copy can be written there")

// Backup writes the database as it is now to a new file, beside a running pass,
// checks the copy, and returns its size in bytes. The copy may be of an older
// schema than this program's. A backup that fails leaves nothing behind; one
// that is killed leaves target with .partial behind it.
func Backup(ctx context.Context, path, target string) (bytes int64, err error) {
	db, _, err := openOurs(ctx, path, "mode=ro")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	if _, err := os.Lstat(target); err == nil {
		return 0, fmt.Errorf("%s: %w: it exists", target, ErrTarget)
	}
	return copyTo(ctx, db, path, target)
}

// copyTo makes target a copy of the database at path, all of it or nothing.
func copyTo(ctx context.Context, db *sqlx.DB, path, target string) (bytes int64, err error) {
	// SQLite would take a relative name that begins with file: for a URI.
	target, err = filepath.Abs(target)
	if err != nil {
		return 0, err
	}
	partial := target + ".partial"
	f, err := os.OpenFile(partial, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if errors.Is(err, fs.ErrExist) {
		return 0, fmt.Errorf("%s: %w: another copy is being made, or was killed: then remove it", partial, ErrTarget)
	}
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return 0, fmt.Errorf("%w: %w", ErrTarget, err)
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	defer func() {
		if err != nil {
			os.Remove(partial)
			os.Remove(partial + "-journal")
			err = fmt.Errorf("copy %s to %s: %w", path, target, wrap(err))
		}
	}()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", partial); err != nil {
		return 0, err
	}
	if err := checkCopy(ctx, partial); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	if err := os.Rename(partial, target); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), SyncDir(filepath.Dir(target))
}

// checkCopy reads a copy that nobody writes to.
func checkCopy(ctx context.Context, path string) error {
	db, err := connect(path, "mode=ro&immutable=1", BusyTimeout)
	if err != nil {
		return err
	}
	defer db.Close()
	return integrityCheck(ctx, db)
}

// SyncDir makes the names in a directory safe.
func SyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// Migrated tells what Open did to a database that was there before: from which
// schema version to which, and where the copy from before is, "" if it held no
// pass. Both versions are 0 if it did nothing, or had none to begin with.
type Migrated struct {
	From, To int64
	Copy     string
}

// beforeUpgrade is what the copy from before the last migration is called,
// behind the name of the database.
const beforeUpgrade = ".before-upgrade"

// copyBeforeMigration keeps the database as it is before a migration, once: in
// the place of the copy from before the last one. A migration that is tried
// again, because it was killed, or failed for want of room, has its copy already.
func copyBeforeMigration(ctx context.Context, path string) (target string, err error) {
	// A first pass that was killed may just have been taken back to nothing.
	if exists, err := lookAt(path, unix.R_OK); err != nil || !exists {
		return "", err
	}
	db, _, err := openOurs(ctx, path, "mode=ro")
	if err != nil {
		return "", err
	}
	defer db.Close()
	newest, err := newestPass(ctx, db)
	if err != nil || newest == "" {
		return "", err
	}
	target = path + beforeUpgrade
	if kept, _, err := openOurs(ctx, target, "mode=ro&immutable=1"); err == nil {
		defer kept.Close()
		if have, err := newestPass(ctx, kept); err == nil && have == newest {
			return target, nil
		}
	}
	// Who has the lock of the pass makes the only one.
	if err := os.Remove(target + ".partial"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	_, err = copyTo(ctx, db, path, target)
	return target, err
}

// newestPass tells one state of a database from a later one; "" if no pass has
// begun.
func newestPass(ctx context.Context, db *sqlx.DB) (newest string, err error) {
	var tables int
	if err := db.GetContext(ctx, &tables, "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'passes'"); err != nil || tables == 0 {
		return "", err
	}
	err = db.GetContext(ctx, &newest, "SELECT COALESCE(MAX(id || ' ' || started_at), '') FROM passes WHERE id = (SELECT MAX(id) FROM passes)")
	return newest, err
}
