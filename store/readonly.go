package store

import (
	"context"
	"fmt"

	"github.com/jmoiron/sqlx"
	"golang.org/x/sys/unix"
	sqlitelib "modernc.org/sqlite/lib"
)

// OpenReadOnly opens an existing database for reading, beside a running pass.
func OpenReadOnly(ctx context.Context, path string) (*Store, error) {
	db, err := openReader(ctx, path, "mode=ro")
	if err != nil {
		return nil, err
	}
	conn, err := db.Connx(ctx)
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("%s: %w", path, wrap(err))
	}
	return &Store{db: db, conn: conn, path: path}, nil
}

// openReader opens a database that is there, and is one of this program's, as
// it is now.
func openReader(ctx context.Context, path, dsn string) (*sqlx.DB, error) {
	exists, err := lookAt(path, unix.R_OK)
	if err != nil {
		return nil, err
	}
	if !exists {
		return nil, fmt.Errorf("%s: %w: there is no such file", path, ErrPath)
	}
	db, err := connect(path, dsn, BusyTimeout)
	if isCode(err, sqlitelib.SQLITE_READONLY_DIRECTORY) {
		// Another program that wrote to it has taken them away when it ended.
		err = fmt.Errorf("%w: its -wal and -shm are not there, and making them needs the permission to write; the next pass does", ErrPath)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, wrap(err))
	}
	current, err := checkIdentity(ctx, db)
	if err == nil && !current {
		err = fmt.Errorf("%w: its schema is older than this program; the next pass migrates it", ErrPath)
	}
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("%s: %w", path, wrap(err))
	}
	return db, nil
}
