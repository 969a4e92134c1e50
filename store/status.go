package store

import (
	"database/sql"
	"errors"
	"io/fs"
	"os"
)

// Status is the state of the database itself.
type Status struct {
	Hosts         int64 `db:"hosts"`
	Alerts        int64 `db:"alerts"`
	NotExported   int64 `db:"not_exported"`
	SchemaVersion int64 `db:"schema_version"`
	FreeBytes     int64 `db:"free_bytes"` // of free pages in the file
	DatabaseBytes int64
	WALBytes      int64
}

// Status returns the state of the database itself.
func (tx *Tx) Status() (s Status, err error) {
	err = tx.Get(&s, `
		SELECT
		  (SELECT COUNT(*) FROM hosts) AS hosts,
		  (SELECT COUNT(*) FROM alerts) AS alerts,
		  (SELECT COUNT(*) FROM alerts WHERE exported_at IS NULL) AS not_exported,
		  (SELECT MAX(version_id) FROM goose_db_version WHERE is_applied) AS schema_version,
		  (SELECT freelist_count FROM pragma_freelist_count) * (SELECT page_size FROM pragma_page_size) AS free_bytes`)
	for _, file := range []struct {
		suffix string
		size   *int64
	}{{"", &s.DatabaseBytes}, {"-wal", &s.WALBytes}} {
		info, statErr := os.Stat(tx.s.path + file.suffix)
		if statErr == nil {
			*file.size = info.Size()
		} else if err == nil && !errors.Is(statErr, fs.ErrNotExist) {
			err = statErr
		}
	}
	return s, err
}

// SourceCursor is the cursor of a source, for people.
type SourceCursor struct {
	Stream   string         `db:"stream"`
	Offset   sql.NullInt64  `db:"offset"`    // in a file, in bytes
	Cursor   sql.NullString `db:"cursor"`    // in the journal
	NewestAt sql.NullInt64  `db:"newest_at"` // the newest fact, in microseconds
	MovedAt  int64          `db:"moved_at"`  // microseconds
}

// Cursors returns the cursors of all sources.
func (tx *Tx) Cursors() (cursors []SourceCursor, err error) {
	err = tx.Select(&cursors, `
		SELECT
		  s.stream,
		  CASE WHEN json_valid(c.state) THEN c.state ->> '$.offset' END AS offset,
		  CASE WHEN json_valid(c.state) THEN c.state ->> '$.cursor' END AS cursor,
		  c.newest_at,
		  c.moved_at
		FROM cursors AS c
		JOIN sources AS s ON s.id = c.source_id
		ORDER BY s.stream`)
	return cursors, err
}

// QuarantineCount is the number of lines of a source that could not be read as facts.
type QuarantineCount struct {
	Stream string        `db:"stream"`
	Reason string        `db:"reason"`
	Lines  int64         `db:"lines"`
	SeenAt sql.NullInt64 `db:"seen_at"` // when the newest sample was read, in microseconds
}

// QuarantineCounts returns the counts by source and reason.
func (tx *Tx) QuarantineCounts() (counts []QuarantineCount, err error) {
	err = tx.Select(&counts, `
		SELECT
		  s.stream,
		  c.reason,
		  c.lines,
		  (SELECT MAX(seen_at) FROM quarantine AS q WHERE q.source_id = c.source_id AND q.reason = c.reason) AS seen_at
		FROM quarantine_counts AS c
		JOIN sources AS s ON s.id = c.source_id
		ORDER BY s.stream, c.reason`)
	return counts, err
}

// Surplus counts the surplus PUTs and rejections from since to until, and returns the time
// of the last one. Times are in microseconds. Both results are 0 if there are none.
func (tx *Tx) Surplus(since, until int64) (facts, last int64, err error) {
	err = tx.QueryRow(`
		SELECT
		  COALESCE(SUM(facts), 0),
		  COALESCE(MAX(last_at), 0)
		FROM surplus
		WHERE minute >= ? / 60000000 AND minute <= ? / 60000000`, since, until).Scan(&facts, &last)
	return facts, last, err
}

// OutcomeCount is the number of passes with an outcome.
type OutcomeCount struct {
	Outcome string `db:"outcome"` // "unfinished" for passes without an end
	Passes  int64  `db:"passes"`
}

// Outcomes counts the passes that judged as of a time after since and not after until, both
// in microseconds.
func (tx *Tx) Outcomes(since, until int64) (counts []OutcomeCount, err error) {
	err = tx.Select(&counts, `
		SELECT
		  COALESCE(outcome, 'unfinished') AS outcome,
		  COUNT(*) AS passes
		FROM passes
		WHERE as_of > ? AND as_of <= ?
		GROUP BY 1
		ORDER BY passes DESC`, since, until)
	return counts, err
}

// LastGood returns the newest pass that succeeded. ok is false if there is none.
func (tx *Tx) LastGood() (p Pass, ok bool, err error) {
	err = tx.Get(&p, "SELECT * FROM passes WHERE outcome = ? ORDER BY id DESC LIMIT 1", OutcomeOK)
	if errors.Is(err, sql.ErrNoRows) {
		return Pass{}, false, nil
	}
	return p, err == nil, err
}
