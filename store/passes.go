package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/cis490/fleet-health/store/visible"
)

// Outcomes of a pass. A pass that was killed has none.
const (
	OutcomeOK          = "ok"
	OutcomeUnread      = "unread"      // a source could not be read, or alerts.jsonl could not be written; the rest was done
	OutcomeInterrupted = "interrupted" // stopped by a signal, at a batch boundary
	OutcomeFailed      = "failed"
)

// Pass is one run of the pass.
type Pass struct {
	ID             int64          `db:"id"`
	StartedAt      int64          `db:"started_at"` // microseconds, like all times
	AsOf           int64          `db:"as_of"`      // the time as of which the detectors judge
	FinishedAt     sql.NullInt64  `db:"finished_at"`
	Outcome        sql.NullString `db:"outcome"`
	Error          sql.NullString `db:"error"`
	IndexRows      int            `db:"index_rows"`      // new ships
	JournalEntries int            `db:"journal_entries"` // entries read
	Quarantined    int            `db:"quarantined"`
	Hosts          int            `db:"hosts"`
	NewAlerts      int            `db:"new_alerts"`
	Checked        bool           `db:"checked"` // the whole database was read and found sound
	Judged         bool           `db:"judged"`  // what it found is stored
	Sources        sql.NullString `db:"sources"` // which sources it could not judge by, as JSON; NULL for none
}

// BeginPass adds a row for a pass that starts, and sets its ID.
func (s *Store) BeginPass(ctx context.Context, p *Pass) error {
	return s.Update(ctx, func(tx *Tx) error {
		result, err := tx.NamedExec(`
			INSERT INTO passes (started_at, as_of, checked)
			VALUES (:started_at, :as_of, :checked)`, p)
		if err != nil {
			return err
		}
		p.ID, err = result.LastInsertId()
		return err
	})
}

// FinishPass stores the end and the results of a pass.
func (s *Store) FinishPass(ctx context.Context, p *Pass) error {
	row := *p
	row.Error.String = visible.Escape(row.Error.String)
	return s.Update(ctx, func(tx *Tx) error {
		_, err := tx.NamedExec(`
			UPDATE passes
			SET
			  finished_at = :finished_at,
			  outcome = :outcome,
			  error = :error,
			  index_rows = :index_rows,
			  journal_entries = :journal_entries,
			  quarantined = :quarantined,
			  hosts = :hosts,
			  new_alerts = :new_alerts
			WHERE id = :id`, row)
		return err
	})
}

// LastPass returns the newest pass. ok is false if there is none.
func (tx *Tx) LastPass() (p Pass, ok bool, err error) {
	err = tx.Get(&p, "SELECT * FROM passes ORDER BY id DESC LIMIT 1")
	if errors.Is(err, sql.ErrNoRows) {
		return Pass{}, false, nil
	}
	return p, err == nil, err
}

// ReadUntil returns the time up to which the newest finished pass read the sources, in
// microseconds, or 0 if there was none. A source that it could not read has a gap.
func (tx *Tx) ReadUntil() (at int64, err error) {
	err = tx.Get(&at, `
		SELECT COALESCE(MAX(as_of), 0)
		FROM (
		  SELECT as_of
		  FROM passes
		  WHERE outcome IN (?, ?)
		  ORDER BY id DESC
		  LIMIT 1
		)`, OutcomeOK, OutcomeUnread)
	return at, err
}

// PassBefore returns the time as of which the last pass up to a time judged, both in microseconds,
// of the passes that got through. ok is false if there was none.
func (tx *Tx) PassBefore(at int64) (asOf int64, ok bool, err error) {
	var found sql.NullInt64
	err = tx.Get(&found, `
		SELECT MAX(as_of)
		FROM passes
		WHERE outcome IN (?, ?)
		  AND as_of <= ?`, OutcomeOK, OutcomeUnread, at)
	return found.Int64, found.Valid, err
}
