package store

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

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
		return 0, exists(target)
	}
	return copyTo(ctx, db, path, target, unix.RENAME_NOREPLACE)
}

func exists(target string) error { return fmt.Errorf("%s: %w: it exists", target, ErrTarget) }

// copyTo makes target a copy of the database at path, all of it or nothing. The flags
// are those of renameat2. It writes through a descriptor, in a directory that it holds
// open: others may move both away meanwhile, and lead it nowhere.
func copyTo(ctx context.Context, db *sqlx.DB, path, target string, flags uint) (bytes int64, err error) {
	if target, err = filepath.Abs(target); err != nil {
		return 0, err
	}
	dir, err := os.OpenRoot(filepath.Dir(target))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return 0, fmt.Errorf("%w: %w", ErrTarget, err)
	}
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	partial := filepath.Base(target) + ".partial"
	f, err := dir.OpenFile(partial, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if errors.Is(err, fs.ErrExist) {
		return 0, fmt.Errorf("%s: %w: another copy is being made, or was killed: then remove it", target+".partial", ErrTarget)
	}
	if errors.Is(err, fs.ErrPermission) {
		return 0, fmt.Errorf("%s: %w: %w", target, ErrTarget, err)
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	defer func() {
		if err != nil {
			dir.Remove(partial)
			if errors.Is(err, unix.ENOSPC) {
				err = fmt.Errorf("%w (%w)", ErrFull, err)
			}
			err = fmt.Errorf("copy %s to %s: %w", path, target, wrap(err))
		}
	}()
	if bytes, err = writePages(ctx, db, f); err != nil {
		return 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	if err := checkCopy(ctx, target+".partial"); err != nil {
		return 0, err
	}
	if err := same(dir, partial, f); err != nil {
		return 0, err
	}
	names, err := dir.Open(".")
	if err != nil {
		return 0, err
	}
	defer names.Close()
	if err := rename(int(names.Fd()), partial, filepath.Base(target), flags); err != nil {
		return 0, err
	}
	return bytes, names.Sync()
}

// same fails if a name in a directory is not that of an open file any more.
func same(dir *os.Root, name string, f *os.File) error {
	ours, err := f.Stat()
	if err != nil {
		return err
	}
	if named, err := dir.Lstat(name); err != nil || !os.SameFile(ours, named) {
		return fmt.Errorf("%s was moved away meanwhile", name)
	}
	return nil
}

// rename gives a file of a directory another name there. A file system that knows no
// flags replaces what has that name.
func rename(dir int, from, to string, flags uint) error {
	err := unix.Renameat2(dir, from, dir, to, flags)
	if errors.Is(err, unix.EEXIST) {
		return exists(to)
	}
	if flags != 0 && (errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS)) {
		err = unix.Renameat(dir, from, dir, to)
	}
	return err
}

// writePages writes the pages of a database, as one transaction sees them. VACUUM INTO
// would open its target by name, and follow links.
func writePages(ctx context.Context, db *sqlx.DB, w io.Writer) (bytes int64, err error) {
	rows, err := db.QueryContext(ctx, "SELECT data FROM sqlite_dbpage ORDER BY pgno")
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	out := bufio.NewWriterSize(w, 1<<20)
	for rows.Next() {
		var page sql.RawBytes
		if err := rows.Scan(&page); err != nil {
			return 0, err
		}
		if bytes == 0 && len(page) > readVersion {
			page = slices.Clone(page) // the driver's
			// A copy has no write-ahead log, and nobody needs to write to read it.
			page[writeVersion], page[readVersion] = 1, 1
		}
		n, err := out.Write(page)
		if bytes += int64(n); err != nil {
			return 0, err
		}
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	return bytes, out.Flush()
}

// Bytes of the first page: 1 for a rollback journal, 2 for a write-ahead log.
const (
	writeVersion = 18
	readVersion  = 19
)

// checkCopy reads a copy that nobody writes to.
func checkCopy(ctx context.Context, path string) error {
	db, err := connect(path, "mode=ro&immutable=1", busyTimeout)
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
// Restored: the database came from a dump, and has been marked as this program's;
// Grows: its file gives no pages back to the disk.
type Migrated struct {
	From, To        int64
	Copy            string
	Restored, Grows bool
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
	_, err = copyTo(ctx, db, path, target, 0)
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
