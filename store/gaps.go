package store

import (
	"context"
	"database/sql"
)

// Gap is a window in which we know that we were blind to a source.
type Gap struct {
	Reason string `db:"reason"`  // one of the Gap constants
	From   int64  `db:"from_at"` // microseconds
	To     int64  `db:"to_at"`   // microseconds
	Detail string `db:"detail"`  // for people; nothing from a lab host unescaped
}

// SourceGap is a gap as it is stored.
type SourceGap struct {
	Gap
	Stream      string        `db:"stream"`
	RecoveredAt sql.NullInt64 `db:"recovered_at"` // microseconds; NULL while it hides something
}

// Gaps returns the gaps that overlap the time from since to until, in
// microseconds, in the order in which they began.
func (tx *Tx) Gaps(since, until int64) (gaps []SourceGap, err error) {
	err = tx.Select(&gaps, `
		SELECT
		  s.stream,
		  g.reason,
		  g.from_at,
		  g.to_at,
		  g.detail,
		  g.recovered_at
		FROM gaps AS g
		JOIN sources AS s ON s.id = g.source_id
		WHERE g.to_at > ? AND g.from_at <= ?
		ORDER BY g.from_at, s.stream, g.reason`, since, until)
	return gaps, err
}

// Reasons of a gap.
const (
	GapTruncated   = "truncated"     // the index was cut short, or copied and cut
	GapRewritten   = "rewritten"     // other bytes stand where we had read
	GapRotated     = "rotated-away"  // the index was replaced and the old file is gone
	GapVacuumed    = "vacuumed"      // journal entries after the cursor were deleted
	GapCursorLost  = "cursor-lost"   // journalctl refused the cursor
	GapClockStep   = "clock-step"    // the journal went back in time
	GapRateLimited = "rate-limited"  // journald dropped entries of the unit
	GapUnread      = "source-unread" // the source could not be read; recoverable
)

// The open gaps of a source and a reason. By itself SQLite would take the table's
// key, which finds all that there have ever been.
const (
	findOpenGap = `
SELECT EXISTS (
  SELECT 1
  FROM gaps INDEXED BY gaps_open
  WHERE source_id = ? AND reason = ? AND recovered_at IS NULL
)`
	closeGaps = `
UPDATE gaps INDEXED BY gaps_open
SET recovered_at = ?
WHERE source_id = ? AND reason = ? AND recovered_at IS NULL`
	growOpenGap = `
UPDATE gaps INDEXED BY gaps_open
SET
  to_at = MAX(to_at, ?),
  detail = ?
WHERE source_id = ? AND reason = ? AND recovered_at IS NULL`
)

// saveGaps adds gaps; one that is known already (same reason, same beginning)
// only grows, and so does an open one in which the source could not be read.
// recovered closes the gaps that reading on has filled.
func (tx *Tx) saveGaps(source int64, gaps []Gap, recovered bool, now int64) error {
	if recovered {
		_, err := tx.Exec(closeGaps, now, source, GapUnread)
		if err != nil {
			return err
		}
	}
	for _, g := range gaps {
		if g.Reason == GapUnread {
			grown, err := tx.growUnread(source, g)
			if err != nil {
				return err
			}
			if grown {
				continue
			}
		}
		_, err := tx.Exec(`
			INSERT INTO gaps (source_id, reason, from_at, to_at, detail)
			VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (source_id, reason, from_at) DO UPDATE SET
			  to_at = MAX(to_at, excluded.to_at),
			  detail = excluded.detail,
			  recovered_at = NULL`,
			source, g.Reason, g.From, max(g.From, g.To), g.Detail)
		if err != nil {
			return err
		}
	}
	return nil
}

// growUnread lets the open gap of an unread source, if there is one, grow: a
// source that stays unreadable is one gap, not one for each pass.
func (tx *Tx) growUnread(source int64, g Gap) (grown bool, err error) {
	result, err := tx.Exec(growOpenGap, g.To, g.Detail, source, g.Reason)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// CloseUnread says that a source has been read to its end: if it could not be
// before, what that gap hid is known now.
func (s *Store) CloseUnread(ctx context.Context, source, now int64) error {
	var open bool
	err := s.conn.GetContext(ctx, &open, findOpenGap, source, GapUnread)
	if err != nil || !open {
		return s.wrap(err)
	}
	return s.Update(ctx, func(tx *Tx) error { return tx.saveGaps(source, nil, true, now) })
}
