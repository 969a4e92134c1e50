package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/cis490/fleet-health/migrations"
	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
	sqlitelib "modernc.org/sqlite/lib"
)

const (
	applicationID = 0x63343930 // "c490", set by the first migration
	// smallDatabase is a size in bytes. Up to it, every pass checks the whole database
	// in about 25 ms; a larger one is checked once a day.
	smallDatabase = 4 << 20
)

// alone makes SQLite read only the database file, without its log and without a lock, so
// that nothing is written, not even the -shm.
const alone = "mode=ro&immutable=1"

// checkBeforeWriting checks an existing database through a read-only connection. current
// is false for an older schema. checked reports whether the whole file was read.
func checkBeforeWriting(ctx context.Context, path string, now int64) (current, checked bool, err error) {
	// A pass leaves an empty log, so most of the time one connection is enough. An error may
	// come from a checkpoint that runs meanwhile. Below, SQLite waits for its end.
	if !hasLog(path) {
		if current, checked, err = check(ctx, path, alone, now); err == nil {
			return current, checked, nil
		}
	}
	peeked := peek(ctx, path)
	if errors.Is(peeked, ErrNewer) {
		return false, false, peeked
	}
	current, checked, err = check(ctx, path, "mode=ro", now)
	if isCode(err, sqlitelib.SQLITE_READONLY_ROLLBACK) && peeked == nil {
		if err = rollBack(ctx, path); err == nil {
			current, checked, err = check(ctx, path, "mode=ro", now)
		}
	}
	if err != nil {
		return false, false, refused(path, err)
	}
	return current, checked, nil
}

// refused returns the error for a database that Open refuses. A text file counts as
// foreign, not as damaged, because rebuild would move a damaged database aside.
func refused(path string, err error) error {
	if err = wrap(err); errors.Is(err, ErrCorrupt) && isText(path) {
		err = fmt.Errorf("%w: it is a text", ErrForeign)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// hasLog reports whether a part of the database may be outside its file: in the write-ahead
// log, or in a rollback journal.
func hasLog(path string) bool {
	if _, err := os.Lstat(path + "-journal"); !errors.Is(err, fs.ErrNotExist) {
		return true
	}
	wal, err := os.Stat(path + "-wal")
	return err != nil && !errors.Is(err, fs.ErrNotExist) || err == nil && wal.Size() > 0
}

// peek checks the version in the file alone. The result may be out of date, or wrong during
// a checkpoint. But a version that is too new was really written.
func peek(ctx context.Context, path string) error {
	db, err := connect(path, alone, busyTimeout)
	if err == nil {
		_, err = checkVersion(ctx, db)
		db.Close()
	}
	if err != nil {
		return refused(path, err)
	}
	return nil
}

func check(ctx context.Context, path, dsn string, now int64) (current, checked bool, err error) {
	db, err := connect(path, dsn, busyTimeout)
	if err != nil {
		return false, false, err
	}
	defer db.Close()
	if current, err = checkIdentity(ctx, db); err != nil {
		return false, false, err
	}
	checked, err = checkWhole(ctx, db, path, current, now)
	return current, checked, err
}

// rollBack rolls back a transaction that a crash left in a rollback journal. A database
// has one until it is in WAL mode.
func rollBack(ctx context.Context, path string) error {
	db, err := connect(path, "mode=rw", busyTimeout)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = checkIdentity(ctx, db)
	return err
}

// checkIdentity is checkVersion, and also refuses a database with a damaged schema.
func checkIdentity(ctx context.Context, db *sqlx.DB) (current bool, err error) {
	if current, err = checkVersion(ctx, db); err != nil || !current {
		return false, err
	}
	return true, checkSchema(ctx, db)
}

// checkVersion refuses a database of another program, and one that is newer than this
// program. goose would accept both. current is false for an older schema.
func checkVersion(ctx context.Context, db *sqlx.DB) (current bool, err error) {
	var id, foreign int64
	if err := db.GetContext(ctx, &id, "PRAGMA application_id"); err != nil {
		return false, err
	}
	// goose creates its own table before the first migration runs.
	err = db.GetContext(ctx, &foreign,
		"SELECT COUNT(*) FROM sqlite_schema WHERE tbl_name NOT IN ('goose_db_version', 'sqlite_sequence')")
	if err != nil {
		return false, err
	}
	if id == 0 && foreign == 0 {
		return false, nil
	}
	if id == 0 {
		err = checkRestored(ctx, db)
	} else if id != applicationID {
		err = ErrForeign
	}
	if err != nil {
		return false, err
	}
	var version sql.NullInt64
	err = db.GetContext(ctx, &version, "SELECT MAX(version_id) FROM goose_db_version WHERE is_applied")
	if err != nil {
		return false, err
	}
	latest, err := latestVersion()
	if err != nil {
		return false, err
	}
	if version.Int64 > latest {
		return false, fmt.Errorf("%w: its schema is version %d, this program knows %d; install the newer program",
			ErrNewer, version.Int64, latest)
	}
	return version.Int64 == latest, nil
}

// checkWhole runs SQLite's integrity_check: always on a small database, once a day
// on a larger one.
func checkWhole(ctx context.Context, db *sqlx.DB, path string, current bool, now int64) (bool, error) {
	info, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	if current && info.Size() > smallDatabase {
		var last int64
		err := db.GetContext(ctx, &last, "SELECT started_at FROM passes WHERE checked = 1 ORDER BY id DESC LIMIT 1")
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return false, err
		}
		if age := now - last; age >= 0 && age < 24*Hour {
			return false, nil
		}
	}
	if err := integrityCheck(ctx, db); err != nil {
		return false, err
	}
	return true, nil
}

// Check reads the whole database, and returns ErrCorrupt if it is damaged.
func (s *Store) Check(ctx context.Context) error { return s.wrap(integrityCheck(ctx, s.conn)) }

// integrityCheck runs SQLite's integrity_check. quick_check takes two thirds of the
// time, but misses rows out of order, and an index that contradicts its table.
func integrityCheck(ctx context.Context, db sqlx.QueryerContext) error {
	// If a database has views, SQLite runs the second pragma as a partial check, which
	// skips the list of free pages. The first pragma checks that list.
	for _, pragma := range []string{"PRAGMA integrity_check(sqlite_schema)", "PRAGMA integrity_check(1)"} {
		var found []string
		if err := sqlx.SelectContext(ctx, db, &found, pragma); err != nil {
			return err
		}
		if len(found) != 1 || found[0] != "ok" {
			return fmt.Errorf("%w: %s", ErrCorrupt, strings.Join(found, "; "))
		}
	}
	return nil
}

// Checked reports whether Open read the whole database and found it sound.
func (s *Store) Checked() bool { return s.checked }

func latestVersion() (int64, error) {
	names, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		return 0, err
	}
	latest := int64(0)
	for _, name := range names {
		version, err := goose.NumericComponent(name)
		if err != nil {
			return 0, err
		}
		latest = max(latest, version)
	}
	return latest, nil
}

// migrate brings the schema up to date.
func (s *Store) migrate(ctx context.Context, exists bool) error {
	provider, err := goose.NewProvider(goose.DialectSQLite3, s.db.DB, migrations.FS,
		goose.WithExcludeNames([]string{namesMigration}), goose.WithGoMigrations(goose.NewGoMigration(8, &goose.GoFunc{RunTx: migrateNames}, nil)))
	if err != nil {
		return err
	}
	if exists {
		from, to, err := provider.GetVersions(ctx)
		if err != nil {
			return err
		}
		if from > 0 {
			s.migrated.From, s.migrated.To = from, to
		}
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Migrated returns the changes that Open made to the schema.
func (s *Store) Migrated() Migrated { return s.migrated }
