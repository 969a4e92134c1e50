// Package store keeps all data of the program in one SQLite database: raw facts, their
// rollups, cursors, gaps, passes and alerts. Most tables have a file with their row struct, their
// SQL and their functions. Only this package imports sqlx and goose.
//
// Package ingest brings facts in batches. Packages detect and report read the database and
// write alerts. An exported method that writes begins and commits its own transaction, or
// is a method of the *Tx that Update passes.
//
// It imports package migrations, and of its own sub-packages fileowner, isotime and
// visible.
package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cis490/fleet-health/store/fileowner"
	"github.com/jmoiron/sqlx"
	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"
)

// Errors that Open and every method may return, wrapped with details.
var (
	// ErrCorrupt means that the file is damaged, or not a database. Open wrote nothing to
	// it. If the damage was found later, the transaction was rolled back.
	ErrCorrupt = errors.New("the database is corrupt or not one at all")
	// ErrForeign means that the database belongs to another program. Nothing was written.
	ErrForeign = errors.New("the database belongs to another program")
	// ErrNewer means that a newer version of the program migrated the database. Nothing
	// was written.
	ErrNewer = errors.New("the database was written by a newer version of this program")
	// ErrLocked means that another process kept a write transaction open for the whole
	// busy timeout.
	ErrLocked = errors.New("another process holds a write transaction on the database")
	// ErrFull means that the disk is full. The transaction was rolled back.
	ErrFull = errors.New("no room on the disk")
	// ErrDisk means that the disk failed, or is read-only. The transaction was rolled back.
	ErrDisk = errors.New("could not be read or written")
	// ErrPath means that the path cannot be opened as a database: its directory is
	// missing, it is not a regular file, or permission is missing.
	ErrPath = errors.New("the database cannot be opened")
)

// SQLiteVersion is the version of SQLite that is compiled into this program.
const SQLiteVersion = sqlitelib.SQLITE_VERSION

// busyTimeout is the time that a connection waits for another process's transaction.
const busyTimeout = 60 * time.Second

// Store is an open database. Its methods are for one goroutine.
type Store struct {
	db       *sqlx.DB
	conn     *sqlx.Conn // the one connection of db
	path     string
	checked  bool
	unsafe   bool // a sync has failed
	migrated Migrated
	sources  map[string]int64
	hosts    *hostCache // this and the fields below are caches; nil until used and after a failed write
	commits  map[string]int64
	series   map[seriesKey]seriesRow
	horizon  *horizon
	openDays map[int64]bool // the rows of open_days
	judged   *judgedPass
}

// Options are the options of Open.
type Options struct {
	BusyTimeout time.Duration // 0 means 60 s
	Now         int64         // the clock, in microseconds; decides whether the daily check is due
}

// Open opens the database at path for writing. It creates one if there is none, and copies
// and migrates an older one. It refuses a database that is corrupt, foreign or newer than
// the program before a byte of it changes. The caller must hold the lock of the pass,
// because goose does not lock SQLite.
func Open(ctx context.Context, path string, opts Options) (*Store, error) {
	if opts.BusyTimeout == 0 {
		opts.BusyTimeout = busyTimeout
	}
	exists, err := lookAt(path, unix.W_OK)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, checked: !exists}
	current := false
	if exists {
		if current, s.checked, err = checkBeforeWriting(ctx, path, opts.Now); err != nil {
			return nil, err
		}
		if !current {
			if s.migrated.Copy, err = copyBeforeMigration(ctx, path); err != nil {
				return nil, fmt.Errorf("before a migration: %w", err)
			}
		}
	}
	dsn := "_txlock=immediate&_pragma=journal_mode(WAL)"
	if !current {
		// The pragma works only on a new database. On an existing one it would write at each open.
		dsn = "_pragma=auto_vacuum(2)&" + dsn
	}
	s.db, err = connect(path, dsn, opts.BusyTimeout)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, wrap(err))
	}
	if !current {
		if err := s.migrate(ctx, exists); err != nil {
			if !failedToSync(err) {
				s.db.Close()
			}
			return nil, fmt.Errorf("%s: %w", path, wrap(err))
		}
	}
	if s.conn, err = s.db.Connx(ctx); err != nil {
		s.db.Close()
		return nil, fmt.Errorf("%s: %w", path, wrap(err))
	}
	if err := s.mark(ctx); err != nil {
		err = s.wrap(err)
		s.Close()
		return nil, err
	}
	return s, nil
}

// connect opens one connection with the pragmas that every connection needs. synchronous is
// FULL because with NORMAL a power cut could lose an alert that is already in alerts.jsonl.
// The WAL files stay because without them a reader without write permission could not open
// the database between passes.
func connect(path, dsn string, busy time.Duration) (*sqlx.DB, error) {
	connector, err := sqlite.NewConnector(fmt.Sprintf(
		"file:%s?%s&_pragma=busy_timeout(%d)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=trusted_schema(0)",
		escapePath(path), dsn, busy.Milliseconds()))
	if err != nil {
		return nil, err
	}
	db := sqlx.NewDb(sql.OpenDB(persistentWAL{connector}), "sqlite")
	db.SetMaxOpenConns(1)
	if err := db.Ping(); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// escapePath returns a path as it stands in a URI.
func escapePath(path string) string {
	return strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

// persistentWAL makes each new connection keep the -wal and -shm files when it
// closes.
type persistentWAL struct{ driver.Connector }

func (p persistentWAL) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := p.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.(sqlite.FileControl).FileControlPersistWAL("main", 1); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// lookAt reports whether there is a database at path. It must be a regular file in an
// existing directory, and permit the access. An empty file counts as none. lookAt never
// opens the file, because closing it would drop SQLite's locks.
func lookAt(path string, access uint32) (exists bool, err error) {
	dir := filepath.Dir(path)
	if d, err := os.Stat(dir); err != nil || !d.IsDir() {
		return false, fmt.Errorf("%s: %w: there is no directory %s", path, ErrPath, dir)
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, denied(dir, access)
	case errors.Is(err, fs.ErrPermission):
		return false, noPermission(dir)
	case err != nil:
		return false, fmt.Errorf("%w: %w", ErrPath, err)
	case !info.Mode().IsRegular():
		return false, fmt.Errorf("%s: %w: it is not a regular file", path, ErrPath)
	}
	if access == unix.W_OK {
		if err := denied(dir, access); err != nil {
			return true, err
		}
	}
	if info.Size() == 0 {
		// SQLite writes the first page of a new database before it creates a -wal.
		if _, err := os.Stat(path + "-wal"); err == nil {
			return true, fmt.Errorf("%s: %w: it is empty, but has a write-ahead log", path, ErrCorrupt)
		}
	}
	return info.Size() > 0, denied(path, access)
}

func denied(path string, access uint32) error {
	if err := unix.Access(path, access); errors.Is(err, unix.EACCES) {
		return noPermission(path)
	}
	return nil
}

func noPermission(path string) error {
	return fmt.Errorf("%s: %w: no permission%s", path, ErrPath, fileowner.Clause(path))
}

// Close closes the database. After a failed sync it leaves the database open until the
// process ends, because SQLite would sync again.
func (s *Store) Close() error {
	if s.unsafe {
		return nil
	}
	return errors.Join(s.conn.Close(), s.db.Close())
}

// Checkpoint moves the write-ahead log into the database file and empties it. It returns
// the remaining size of the log in bytes, which is 0 unless a reader is using it. After a
// failed sync it does nothing, because the kernel has dropped the unwritten pages and would
// report success.
func (s *Store) Checkpoint(ctx context.Context) (walBytes int64, err error) {
	if s.unsafe {
		return 0, nil
	}
	if _, err := s.conn.ExecContext(ctx, "PRAGMA busy_timeout = 100"); err != nil {
		return 0, s.wrap(err)
	}
	if _, err := s.conn.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return 0, s.wrap(fmt.Errorf("checkpoint: %w", err))
	}
	info, err := os.Stat(s.path + "-wal")
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Tx is a transaction of Update or View.
type Tx struct {
	*sqlx.Tx
	s        *Store
	now      int64                 // the clock of the batch that is being saved
	prepared map[string]*sqlx.Stmt // by their SQL; the transaction closes them
}

// once returns a statement that the transaction prepares only once. Use it for SQL that
// runs in a loop: SQLite needs longer to parse a short statement than to run it.
func (tx *Tx) once(query string) (*sqlx.Stmt, error) {
	if statement := tx.prepared[query]; statement != nil {
		return statement, nil
	}
	statement, err := tx.Preparex(query)
	if err != nil {
		return nil, err
	}
	if tx.prepared == nil {
		tx.prepared = map[string]*sqlx.Stmt{}
	}
	tx.prepared[query] = statement
	return statement, nil
}

// Select reads rows like sqlx's, with a statement that is prepared once.
func (tx *Tx) Select(into any, query string, args ...any) error {
	statement, err := tx.once(query)
	if err != nil {
		return err
	}
	return statement.Select(into, args...)
}

// Get reads a row like sqlx's, with a statement that is prepared once.
func (tx *Tx) Get(into any, query string, args ...any) error {
	statement, err := tx.once(query)
	if err != nil {
		return err
	}
	return statement.Get(into, args...)
}

// Update runs fn in a write transaction, and commits it if fn returns nil. After a
// failed sync it returns ErrDisk: only another process may trust the file again.
func (s *Store) Update(ctx context.Context, fn func(*Tx) error) error {
	if s.unsafe {
		return fmt.Errorf("%s: %w: a sync has failed before", s.path, ErrDisk)
	}
	// The transaction outlives a cancelled context: a pass stops between
	// transactions, never inside one.
	tx, err := s.conn.BeginTxx(context.WithoutCancel(ctx), nil)
	if err != nil {
		return s.wrap(err)
	}
	defer tx.Rollback()
	if err := fn(&Tx{Tx: tx, s: s}); err != nil {
		s.forget()
		return s.wrap(err)
	}
	if err := tx.Commit(); err != nil {
		s.forget()
		return s.wrap(err)
	}
	return nil
}

// View runs fn on one consistent state of the database. It does not wait for writers.
func (s *Store) View(ctx context.Context, fn func(*Tx) error) error {
	var tx *sqlx.Tx
	err := whenRecovered(ctx, func() (err error) {
		if tx, err = s.conn.BeginTxx(ctx, &sql.TxOptions{ReadOnly: true}); err != nil {
			return err
		}
		var one int // the first read fixes the state
		if err = tx.GetContext(ctx, &one, "SELECT COUNT(*) FROM (SELECT 1 FROM sqlite_schema LIMIT 1)"); err != nil {
			tx.Rollback()
		}
		return err
	})
	if err != nil {
		return s.wrap(err)
	}
	defer tx.Rollback()
	return s.wrap(fn(&Tx{Tx: tx, s: s}))
}

// forget drops the caches, whose rows may have been rolled back.
func (s *Store) forget() {
	s.hosts, s.commits, s.series, s.sources, s.horizon, s.openDays, s.judged = nil, nil, nil, nil, nil, nil, nil
}

// SelectNamed runs a query with :name parameters and scans its rows into dest,
// a pointer to a slice of structs with db tags.
func (tx *Tx) SelectNamed(dest any, query string, params map[string]any) error {
	return tx.Select(dest, query, named(params)...)
}

// EachNamed is SelectNamed for rows that may be too many for a slice. It scans each row
// into dest, a pointer to a struct, and calls each. each may write only to tables that the
// query does not read.
func (tx *Tx) EachNamed(dest any, query string, params map[string]any, each func() error) error {
	find, err := tx.once(query)
	if err != nil {
		return err
	}
	rows, err := find.Queryx(named(params)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.StructScan(dest); err != nil {
			return err
		}
		if err := each(); err != nil {
			return err
		}
	}
	return rows.Err()
}

// eachRow calls each with the rows of a query, which may be too many for a slice.
func eachRow[R any](tx *Tx, each func(R) error, query string, params ...any) error {
	rows, err := tx.Queryx(query, params...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var row R
		if err := rows.StructScan(&row); err != nil {
			return err
		}
		if err := each(row); err != nil {
			return err
		}
	}
	return rows.Err()
}

// named returns parameters that SQLite binds by name. sqlx would also look for names in
// comments.
func named(params map[string]any) (args []any) {
	for name, value := range params {
		args = append(args, sql.Named(name, value))
	}
	return args
}

// wrap names the database in SQLite's errors.
func (s *Store) wrap(err error) error {
	if e := (*sqlite.Error)(nil); errors.As(err, &e) {
		s.unsafe = s.unsafe || failedToSync(err)
		return fmt.Errorf("%s: %w", s.path, wrap(err))
	}
	return err
}

// wrap turns SQLite's errors about the state of a database into this package's errors.
// It returns every other error as it is.
func wrap(err error) error {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() {
	case sqlitelib.SQLITE_CONSTRAINT_UNIQUE, sqlitelib.SQLITE_CONSTRAINT_PRIMARYKEY, sqlitelib.SQLITE_CONSTRAINT_DATATYPE:
		// Every insert looks first or has an ON CONFLICT, and its values fit their columns.
		// So a page must have been damaged since the last check.
		return fmt.Errorf("%w (%w)", ErrCorrupt, err)
	case sqlitelib.SQLITE_IOERR_SHMSIZE: // no room for the -shm, which every reader needs
		return fmt.Errorf("%w (%w)", ErrFull, err)
	}
	switch e.Code() & 0xff {
	case sqlitelib.SQLITE_CORRUPT, sqlitelib.SQLITE_NOTADB:
		return fmt.Errorf("%w (%w)", ErrCorrupt, err)
	case sqlitelib.SQLITE_BUSY, sqlitelib.SQLITE_LOCKED:
		return fmt.Errorf("%w (%w)", ErrLocked, err)
	case sqlitelib.SQLITE_FULL:
		return fmt.Errorf("%w (%w)", ErrFull, err)
	case sqlitelib.SQLITE_IOERR, sqlitelib.SQLITE_CANTOPEN, sqlitelib.SQLITE_READONLY:
		return fmt.Errorf("%w (%w)", ErrDisk, err)
	case sqlitelib.SQLITE_INTERRUPT:
		return fmt.Errorf("%w (%w)", context.Canceled, err)
	}
	return err
}

func failedToSync(err error) bool {
	return isCode(err, sqlitelib.SQLITE_IOERR_FSYNC) || isCode(err, sqlitelib.SQLITE_IOERR_DIR_FSYNC)
}

func isCode(err error, code int) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code() == code
}
