package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
	"modernc.org/sqlite"
)

// OpenRerun opens an existing database so that its passes can judge again, with other
// thresholds. Nothing in the file changes: its name is recorded in SQL. Tx.Feed hides the tables
// that judgments write by new ones in memory.
func OpenRerun(ctx context.Context, path string) (*Store, error) {
	// This one checks the file, and keeps it open, so that its -wal and -shm stay.
	checked, err := OpenReadOnly(ctx, path)
	if err != nil {
		return nil, err
	}
	defer checked.Close()
	connector, err := sqlite.NewConnector("file::memory:?_pragma=trusted_schema(0)&_pragma=temp_store(MEMORY)")
	if err != nil {
		return nil, err
	}
	db := sqlx.NewDb(sql.OpenDB(connector), "sqlite")
	db.SetMaxOpenConns(1)
	s := &Store{db: db, path: path}
	if s.conn, err = db.Connx(ctx); err != nil {
		db.Close()
		return nil, s.wrap(err)
	}
	err = whenRecovered(ctx, func() error {
		_, err := s.conn.ExecContext(ctx, "ATTACH ? AS recorded", "file:"+escapePath(path)+"?mode=ro")
		return err
	})
	if err != nil {
		s.Close()
		return nil, s.wrap(err)
	}
	return s, nil
}

// judgedTables are the tables that judgments write, and gaps, which change later.
var judgedTables = []string{"hosts", "rhythms", "rhythm_hours", "incidents", "incident_hosts", "incident_events", "alerts", "thresholds", "gaps"}

// shadow makes empty tables in memory that hide those of the file.
func (tx *Tx) shadow(tables ...string) error {
	var made []string
	err := tx.Select(&made, `
		SELECT sql
		FROM recorded.sqlite_schema
		WHERE tbl_name IN ('`+strings.Join(tables, "', '")+`')
		  AND type IN ('table', 'index')
		  AND sql IS NOT NULL
		ORDER BY type = 'index'`)
	if err != nil {
		return err
	}
	for _, statement := range made {
		if _, err := tx.Exec(statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// Rerun runs fn on one state of the file. What fn writes is gone afterwards.
func (s *Store) Rerun(ctx context.Context, fn func(*Tx) error) error {
	tx, err := s.conn.BeginTxx(ctx, nil)
	if err != nil {
		return s.wrap(err)
	}
	defer s.forget()
	defer tx.Rollback()
	return s.wrap(fn(&Tx{Tx: tx, s: s}))
}

// JudgedPass is a pass that has judged.
type JudgedPass struct {
	ID         int64          `db:"id"`
	AsOf       int64          `db:"as_of"`      // microseconds
	Sources    sql.NullString `db:"sources"`    // which sources it could not judge by, as JSON; NULL for none
	Thresholds sql.NullString `db:"thresholds"` // as JSON; NULL if it is older than they are stored
	// FromRollups is true if it knows the ships of the hourly rollups, and no other fact.
	FromRollups bool `db:"-"`
}

// JudgedPasses returns the passes that judged after since and up to until, both in
// microseconds, in their order. The first one is the last before since; it has the ID 0 if
// there is none. Passes before the first one that read its sources to their ends count as before
// since: which facts they knew is not stored.
func (tx *Tx) JudgedPasses(since, until int64) (list []JudgedPass, err error) {
	const columns = `
		SELECT
		  id,
		  as_of,
		  sources,
		  (SELECT thresholds FROM pass_thresholds WHERE pass_id <= p.id ORDER BY pass_id DESC LIMIT 1) AS thresholds
		FROM passes AS p
		WHERE judged = 1`
	before := make([]JudgedPass, 1)
	var first int64
	if err := tx.Get(&first, "SELECT COALESCE(MIN(id), 0) FROM passes WHERE judged = 1 AND "+readAll); err != nil {
		return nil, err
	}
	err = tx.Get(&before[0], columns+" AND (as_of <= ? OR id < ?) ORDER BY id DESC LIMIT 1", since, first)
	if err != nil && err != sql.ErrNoRows {
		return nil, err
	}
	err = tx.Select(&list, columns+" AND id > ? AND as_of <= ? ORDER BY id", before[0].ID, until)
	return append(before, list...), err
}
