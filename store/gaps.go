package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/cis490/fleet-health/store/visible"
)

// Gap is a period in which a source was not read.
type Gap struct {
	Reason string `db:"reason"`  // one of the Gap constants
	From   int64  `db:"from_at"` // microseconds
	To     int64  `db:"to_at"`   // microseconds
	Detail string `db:"detail"`  // for people; text from a lab host must be escaped
	// Dropped is the number of entries that the source reports as dropped; 0 if it reports none.
	Dropped int64 `db:"dropped"`
}

// RateLimited returns the gap in which journald reports n dropped entries.
func RateLimited(from, to, n int64) Gap {
	return Gap{Reason: GapRateLimited, From: from, To: to, Dropped: n,
		Detail: fmt.Sprintf("journald dropped %d entries of the unit; raise RateLimitBurst= for it", n)}
}

// adjacent is the longest time in microseconds between two gaps that count as one. They
// must have the same source and reason.
const adjacent = 5 * Minute

// Join merges next into g if they have the same reason and overlap or are adjacent. So a
// source that drops entries every few seconds has one growing gap. If next lies within g,
// its dropped entries are not added, because g includes them.
func (g *Gap) Join(next Gap) (joined bool) {
	if g.Reason != next.Reason || next.From > g.To+adjacent || next.To < g.From-adjacent {
		return false
	}
	if next.From >= g.From && next.To <= g.To {
		return true
	}
	from, to, dropped := min(g.From, next.From), max(g.To, next.To), g.Dropped+next.Dropped
	*g = next
	if g.Reason == GapRateLimited {
		*g = RateLimited(from, to, dropped)
	}
	g.From, g.To = from, to
	return true
}

// SourceGap is a stored gap.
type SourceGap struct {
	Gap
	Stream      string        `db:"stream"`
	RecoveredAt sql.NullInt64 `db:"recovered_at"` // microseconds; NULL while it may hide facts
}

// Gaps returns the gaps that overlap the time from since to until, in microseconds,
// ordered by their start. It joins those that are not recovered: older versions of the
// program stored each notice of journald.
func (tx *Tx) Gaps(since, until int64) (gaps []SourceGap, err error) {
	last := map[[2]string]int{} // index in gaps of the newest, by stream and reason
	var g SourceGap
	err = tx.EachNamed(&g, `
		SELECT
		  s.stream,
		  g.reason,
		  g.from_at,
		  g.to_at,
		  g.detail,
		  g.dropped,
		  g.recovered_at
		FROM gaps AS g
		JOIN sources AS s ON s.id = g.source_id
		WHERE g.to_at > :since AND g.from_at <= :until
		ORDER BY g.from_at, s.stream, g.reason`, map[string]any{"since": since, "until": until}, func() error {
		key := [2]string{g.Stream, g.Reason}
		if n, ok := last[key]; ok && !g.RecoveredAt.Valid && !gaps[n].RecoveredAt.Valid && gaps[n].Join(g.Gap) {
			return nil
		}
		last[key] = len(gaps)
		gaps = append(gaps, g)
		return nil
	})
	return gaps, err
}

// Reasons of a gap.
const (
	GapTruncated   = "truncated"     // the index was cut short, or copied and cut
	GapRewritten   = "rewritten"     // bytes that were read have changed
	GapRotated     = "rotated-away"  // the index was replaced and the old file is gone
	GapVacuumed    = "vacuumed"      // journal entries after the cursor were deleted
	GapCursorLost  = "cursor-lost"   // journalctl refused the cursor
	GapClockStep   = "clock-step"    // the journal went back in time
	GapRateLimited = "rate-limited"  // journald dropped entries of the unit
	GapDamaged     = "damaged"       // journalctl cannot print an entry
	GapUnread      = "source-unread" // the source could not be read; recoverable

	// GapNotUnderstood means that hosts shipped, but no line of the receiver was
	// understood as a PUT.
	GapNotUnderstood = "not-understood"
)

// Statements on the open gaps of a source and reason. They name an index, because SQLite
// would choose the key of the table, which finds all old gaps too.
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
WHERE source_id = ? AND reason = ? AND recovered_at IS NULL AND to_at >= ?`
)

// saveGaps stores gaps, joined with stored gaps of the same reason. A gap of an unread
// source extends an open one. If recovered is set, it closes the open gaps of an unread
// source first.
func (tx *Tx) saveGaps(source int64, gaps []Gap, recovered bool, now int64) error {
	if recovered {
		_, err := tx.Exec(closeGaps, now, source, GapUnread)
		if err != nil {
			return err
		}
	}
	var last *foundGap // not stored yet: the next gap may continue it
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
		g.To, g.Detail = max(g.From, g.To), visible.Escape(g.Detail)
		if last != nil && last.Join(g) {
			continue
		}
		if err := tx.saveGap(source, last); err != nil {
			return err
		}
		last = &foundGap{Gap: g, FoundAt: now}
		if err := tx.joinGaps(source, last); err != nil {
			return err
		}
	}
	return tx.saveGap(source, last)
}

// foundGap is a gap, and the clock of the pass that stored it first, in microseconds.
type foundGap struct {
	Gap
	FoundAt int64 `db:"found_at"`
}

// saveGap stores a gap, joined with the stored gaps that it reaches. It does nothing if
// g is nil.
func (tx *Tx) saveGap(source int64, g *foundGap) error {
	if g == nil {
		return nil
	}
	if err := tx.joinGaps(source, g); err != nil {
		return err
	}
	_, err := tx.Exec(`
		INSERT INTO gaps (source_id, reason, from_at, to_at, detail, dropped, found_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (source_id, reason, from_at) DO UPDATE SET
		  to_at = MAX(to_at, excluded.to_at),
		  detail = excluded.detail,
		  dropped = excluded.dropped,
		  recovered_at = NULL`,
		source, g.Reason, g.From, g.To, g.Detail, g.Dropped, g.FoundAt)
	return err
}

// joinGaps replaces the stored gaps that g can join with g. A gap that was recovered
// stays as it is.
func (tx *Tx) joinGaps(source int64, g *foundGap) error {
	for {
		var stored foundGap
		err := tx.Get(&stored, `
			SELECT
			  reason,
			  from_at,
			  to_at,
			  detail,
			  dropped,
			  COALESCE(found_at, to_at) AS found_at
			FROM gaps
			WHERE source_id = ? AND reason = ? AND from_at <= ? AND recovered_at IS NULL
			ORDER BY from_at DESC
			LIMIT 1`, source, g.Reason, g.To+adjacent)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		begin := stored.From
		if !stored.Join(g.Gap) {
			return nil
		}
		if _, err := tx.Exec("DELETE FROM gaps WHERE source_id = ? AND reason = ? AND from_at = ?", source, g.Reason, begin); err != nil {
			return err
		}
		*g = stored
	}
}

// growUnread extends the open gap of an unread source if it reaches up to g. So a source
// that stays unreadable has one gap, not one for each pass. A gap of a journal file that
// was never read may have ended long before; it stays as it is.
func (tx *Tx) growUnread(source int64, g Gap) (grown bool, err error) {
	reaches := g.From - adjacent
	if g.From == g.To {
		reaches = 0 // the source was never read: g starts with this pass
	}
	result, err := tx.Exec(growOpenGap, g.To, visible.Escape(g.Detail), source, g.Reason, reaches)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// CloseUnread closes the open gap of an unread source, which has now been read to its
// end.
func (s *Store) CloseUnread(ctx context.Context, source, now int64) error {
	var open bool
	err := s.conn.GetContext(ctx, &open, findOpenGap, source, GapUnread)
	if err != nil || !open {
		return s.wrap(err)
	}
	return s.Update(ctx, func(tx *Tx) error { return tx.saveGaps(source, nil, true, now) })
}
