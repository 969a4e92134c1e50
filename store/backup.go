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

// ErrTarget means that a copy cannot be written: its name is taken, its directory does
// not exist, or permission is missing.
var ErrTarget = errors.New("no copy can be written there")

// Backup writes the database as it is now to a new file, checks the copy, and returns
// its size in bytes. A pass may run meanwhile. The copy may have an older schema than
// this program. A backup that fails leaves nothing; one that is killed leaves
// target.partial.
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

// copyTo makes target a complete copy of the database at path, or leaves nothing. flags
// are those of renameat2. It keeps the file and its directory open, because other users
// may move or replace both names meanwhile.
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
		return 0, fmt.Errorf("%s: %w: another backup is writing it, or was killed; if none is running, remove it", target+".partial", ErrTarget)
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

// same returns an error if a name in a directory no longer belongs to an open file.
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

// rename renames a file within its directory. On a file system that does not support
// the flags, it replaces the target.
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

// writePages writes the pages of a database in one transaction. It does not use VACUUM
// INTO, which opens its target by name and follows links.
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
			page = slices.Clone(page) // the driver owns it
			// The copy leaves WAL mode, because reading a WAL database can need permission to write.
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

// checkCopy checks a copy. No other process writes to it.
func checkCopy(ctx context.Context, path string) error {
	db, err := connect(path, "mode=ro&immutable=1", busyTimeout)
	if err != nil {
		return err
	}
	defer db.Close()
	return integrityCheck(ctx, db)
}

// SyncDir makes renames and new names in a directory durable.
func SyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// Migrated describes the changes that Open made to the schema of an existing database.
type Migrated struct {
	From, To int64  // schema versions; 0 if nothing was migrated, or there was no schema
	Copy     string // path of the copy from before; "" if the database had no pass
	Restored bool   // the database came from a dump, and was marked as this program's
	Grows    bool   // the file gives no pages back to the disk
}

// beforeUpgrade is the suffix of the copy from before the last migration.
const beforeUpgrade = ".before-upgrade"

// copyBeforeMigration copies the database before a migration, and returns the path of the
// copy. It replaces the copy from before the last migration. If this migration failed or
// was killed before, the copy of that time stays.
func copyBeforeMigration(ctx context.Context, path string) (target string, err error) {
	// If the first pass was killed, a rollback may have emptied the file just now.
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
	// The caller holds the lock of the pass, so no other process is writing this copy.
	if err := os.Remove(target + ".partial"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	_, err = copyTo(ctx, db, path, target, 0)
	return target, err
}

// newestPass returns a text that changes with each pass, "" if no pass has started.
func newestPass(ctx context.Context, db *sqlx.DB) (newest string, err error) {
	var tables int
	if err := db.GetContext(ctx, &tables, "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'passes'"); err != nil || tables == 0 {
		return "", err
	}
	err = db.GetContext(ctx, &newest, "SELECT COALESCE(MAX(id || ' ' || started_at), '') FROM passes WHERE id = (SELECT MAX(id) FROM passes)")
	return newest, err
}
