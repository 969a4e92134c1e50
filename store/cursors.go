package store

import (
	"context"
	"database/sql"
	"errors"
)

// receiver is the name of the only receiver that the program reads.
const receiver = "local"

// Streams of a receiver.
const (
	StreamIndex   = "index"
	StreamJournal = "journal"
	StreamExport  = "journal-export" // a dump of the journal, with its own cursor
	StreamAlerts  = "alerts"         // alerts.jsonl, which is written and read back
)

// Cursor is the stored position in a source.
type Cursor struct {
	State    string `db:"state"`     // the reader's own JSON; "" before the first read
	NewestAt int64  `db:"newest_at"` // newest fact not ahead of the clock, in microseconds; 0 for none
}

// Source returns the id of a stream of the receiver, and adds it if it is new.
func (s *Store) Source(ctx context.Context, stream string) (id int64, err error) {
	if id, ok := s.sources[stream]; ok {
		return id, nil
	}
	const find = "SELECT id FROM sources WHERE receiver = ? AND stream = ?"
	err = s.conn.GetContext(ctx, &id, find, receiver, stream)
	if errors.Is(err, sql.ErrNoRows) {
		err = s.Update(ctx, func(tx *Tx) error {
			result, err := tx.Exec("INSERT INTO sources (receiver, stream) VALUES (?, ?)", receiver, stream)
			if err != nil {
				return err
			}
			id, err = result.LastInsertId()
			return err
		})
	}
	if err != nil {
		return 0, s.wrap(err)
	}
	if s.sources == nil {
		s.sources = map[string]int64{}
	}
	s.sources[stream] = id
	return id, nil
}

// Cursor returns the cursor of a source, or the zero Cursor if it was never read.
func (s *Store) Cursor(ctx context.Context, source int64) (c Cursor, err error) {
	err = s.conn.GetContext(ctx, &c, `
		SELECT
		  state,
		  COALESCE(newest_at, 0) AS newest_at
		FROM cursors
		WHERE source_id = ?`, source)
	if errors.Is(err, sql.ErrNoRows) {
		return Cursor{}, nil
	}
	return c, s.wrap(err)
}

// NewestFact returns the time of the newest fact of all sources in microseconds, 0 for
// none. Facts that were ahead of the clock when they were read do not count.
func (tx *Tx) NewestFact() (at int64, err error) {
	err = tx.Get(&at, "SELECT COALESCE(MAX(newest_at), 0) FROM cursors")
	return at, err
}

// moveCursor stores a position and the time of the newest fact. If state is empty, the
// position stays as it is.
func (tx *Tx) moveCursor(source int64, state string, newest, now int64) error {
	_, err := tx.Exec(`
		INSERT INTO cursors (source_id, state, newest_at, moved_at)
		VALUES (?, ?, NULLIF(?, 0), ?)
		ON CONFLICT (source_id) DO UPDATE SET
		  state = CASE excluded.state WHEN '' THEN state ELSE excluded.state END,
		  newest_at = MAX(COALESCE(newest_at, excluded.newest_at), COALESCE(excluded.newest_at, newest_at)),
		  moved_at = excluded.moved_at`,
		source, state, newest, now)
	return err
}
