package store

import (
	"context"
	"database/sql"
	"errors"
)

// Sink is a place that events of incidents are sent to. Times are microseconds.
type Sink struct {
	ID          int64          `db:"id"`
	Key         string         `db:"url_key"` // finds it by its URL, and does not show that
	Label       string         `db:"label"`   // what people see of its URL
	Seed        string         `db:"seed"`    // random; makes its delivery ids unique
	AddedAt     int64          `db:"added_at"`
	EventID     int64          `db:"event_id"`    // the newest event that was considered for it
	SeenAt      int64          `db:"seen_at"`     // when a run last knew it, to the hour
	Tries       int            `db:"tries"`       // runs that failed since the last one that got through
	NextTryAt   int64          `db:"next_try_at"` // when the next run may try
	LastOKAt    sql.NullInt64  `db:"last_ok_at"`
	LastErrorAt sql.NullInt64  `db:"last_error_at"`
	LastError   sql.NullString `db:"last_error"`
	PassID      int64          `db:"pass_id"`    // the newest pass that was reported to it, 0 for none
	StoppedAt   sql.NullInt64  `db:"stopped_at"` // the last pass that succeeded, if it was told that passes have stopped since
}

// OpenShared opens an existing database for short transactions beside a pass. It does not
// need the lock of the pass, because it migrates nothing. The error is ErrPath if the schema
// is older than this program.
func OpenShared(ctx context.Context, path string) (*Store, error) {
	return openCurrent(ctx, path, "mode=rw&_txlock=immediate")
}

// Sink returns the sink with a key, and adds it if there is none. A new one starts after the
// newest event. now is in microseconds.
func (tx *Tx) Sink(key, label string, now int64) (s Sink, added bool, err error) {
	err = tx.Get(&s, "SELECT * FROM sinks WHERE url_key = ?", key)
	if !errors.Is(err, sql.ErrNoRows) {
		return s, false, err
	}
	err = tx.Get(&s, `
		INSERT INTO sinks (url_key, label, added_at, seen_at, event_id)
		VALUES (?1, ?2, ?3, ?3, (SELECT COALESCE(MAX(id), 0) FROM incident_events))
		RETURNING *`, key, label, now)
	return s, true, err
}

// SinkState is a sink, and the number of events that it has yet to be told of.
type SinkState struct {
	Sink
	Waiting int64 `db:"waiting"`
}

// Sinks returns the sinks that notify last knew. One that was taken out of its file is left out
// after an hour of runs without it.
func (tx *Tx) Sinks() (list []SinkState, err error) {
	err = tx.Select(&list, `
		SELECT
		  s.*,
		  (SELECT COUNT(*) FROM deliveries WHERE sink_id = s.id AND ended_at IS NULL) AS waiting
		FROM sinks AS s
		WHERE s.seen_at >= (SELECT MAX(seen_at) FROM sinks) - 3600000000
		ORDER BY s.id`)
	return list, err
}

// SinkEnded stores how a run ended for a sink: reason is why it failed, "" if it got
// through. Then wait microseconds must pass before the next try.
func (tx *Tx) SinkEnded(id int64, reason string, now, wait int64) (err error) {
	if reason == "" {
		_, err = tx.Exec(`
			UPDATE sinks
			SET
			  tries = 0,
			  next_try_at = 0,
			  last_ok_at = ?
			WHERE id = ?`, now, id)
		return err
	}
	_, err = tx.Exec(`
		UPDATE sinks
		SET
		  tries = tries + 1,
		  next_try_at = ?,
		  last_error_at = ?,
		  last_error = ?
		WHERE id = ?`, now+wait, now, reason, id)
	return err
}

// SetReportedPass stores that a pass was reported to a sink.
func (tx *Tx) SetReportedPass(sink, pass int64) error {
	_, err := tx.Exec("UPDATE sinks SET pass_id = ? WHERE id = ?", pass, sink)
	return err
}

// SetStopped stores that a sink was told that passes have stopped since a time in
// microseconds, or that they go on, if the time is NULL.
func (tx *Tx) SetStopped(sink int64, since sql.NullInt64) error {
	_, err := tx.Exec("UPDATE sinks SET stopped_at = ? WHERE id = ?", since, sink)
	return err
}

// LastEnd returns the newest pass with an outcome. ok is false if there is none.
func (tx *Tx) LastEnd() (p Pass, ok bool, err error) {
	err = tx.Get(&p, `
		SELECT *
		FROM passes
		WHERE outcome IN (?, ?, ?)
		ORDER BY id DESC
		LIMIT 1`, OutcomeOK, OutcomeUnread, OutcomeFailed)
	if errors.Is(err, sql.ErrNoRows) {
		return Pass{}, false, nil
	}
	return p, err == nil, err
}

// LastSuccess returns when the newest pass ended that judged its facts, in microseconds, or
// else when the first pass began. It is 0 if there was no pass.
func (tx *Tx) LastSuccess() (at int64, err error) {
	err = tx.Get(&at, `
		SELECT COALESCE(
		  (SELECT finished_at FROM passes WHERE outcome IN (?, ?) ORDER BY id DESC LIMIT 1),
		  (SELECT started_at FROM passes ORDER BY id LIMIT 1),
		  0
		)`, OutcomeOK, OutcomeUnread)
	return at, err
}
