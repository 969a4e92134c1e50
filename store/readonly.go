package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"time"

	"github.com/jmoiron/sqlx"
	"golang.org/x/sys/unix"
	sqlitelib "modernc.org/sqlite/lib"
)

// OpenReadOnly opens an existing database for reading. A pass may run meanwhile. The error
// is ErrPath if the schema is older than this program.
func OpenReadOnly(ctx context.Context, path string) (*Store, error) {
	return openCurrent(ctx, path, "mode=ro")
}

// OnConn runs fn on the connection to the database, outside a transaction. SQLite's
// errors that fn returns become errors of this package.
func (s *Store) OnConn(fn func(*sql.Conn) error) error { return s.wrap(fn(s.conn.Conn)) }

// openCurrent opens an existing database whose schema is this program's.
func openCurrent(ctx context.Context, path, dsn string) (*Store, error) {
	db, current, err := openOurs(ctx, path, dsn)
	if err != nil {
		return nil, err
	}
	if !current {
		db.Close()
		return nil, fmt.Errorf("%s: %w: its schema is older than this program; the next pass migrates it", path, ErrPath)
	}
	conn, err := db.Connx(ctx)
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("%s: %w", path, wrap(err))
	}
	return &Store{db: db, conn: conn, path: path}, nil
}

// openOurs opens an existing database of this program. current is false for an older
// schema.
func openOurs(ctx context.Context, path, dsn string) (db *sqlx.DB, current bool, err error) {
	exists, err := lookAt(path, unix.R_OK)
	if err != nil {
		return nil, false, err
	}
	if !exists {
		what := "there is no such file"
		if _, err := os.Lstat(path); err == nil {
			what = "it is an empty file, not a database yet"
		}
		return nil, false, fmt.Errorf("%s: %w: %s", path, ErrPath, what)
	}
	err = whenRecovered(ctx, func() (err error) {
		if db, err = connect(path, dsn, busyTimeout); err != nil {
			return err
		}
		if current, err = checkIdentity(ctx, db); err != nil {
			db.Close()
		}
		return err
	})
	if isCode(err, sqlitelib.SQLITE_READONLY_DIRECTORY) {
		// Another program wrote to the database, and removed these files when it closed it.
		err = fmt.Errorf("%w: its -wal and -shm are not there, and making them needs the permission to write; the next pass does", ErrPath)
	}
	if err != nil {
		return nil, false, refused(path, err)
	}
	return db, current, nil
}

// recoveryTries is how often a reader tries, once in a millisecond, while a process makes the -shm
// anew.
const recoveryTries = 2000

// whenRecovered calls read until it does not fail for want of a sound -shm. The first process
// that opens the database makes the -shm anew, and each that writes changes its header. A reader
// that may not write to it, and comes in the midst of that, gets SQLITE_READONLY_RECOVERY, and
// SQLite does not wait for it (walIndexReadHdr in wal.c).
func whenRecovered(ctx context.Context, read func() error) error {
	for try := 1; ; try++ {
		err := read()
		if !isCode(err, sqlitelib.SQLITE_READONLY_RECOVERY) || try == recoveryTries {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(time.Millisecond):
		}
	}
}
