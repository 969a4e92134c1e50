package store

// Gap is a window in which we know that we were blind to a source.
type Gap struct {
	Reason string // one of the Gap constants
	From   int64  // microseconds
	To     int64  // microseconds
	Detail string // for people; nothing from a lab host unescaped
}

// Reasons of a gap.
const (
	GapTruncated   = "truncated"       // the index was cut short, or copied and cut
	GapRewritten   = "rewritten"       // other bytes stand where we had read
	GapRotated     = "rotated-away"    // the index was replaced and the old file is gone
	GapVacuumed    = "vacuumed"        // journal entries after the cursor were deleted
	GapCursorLost  = "cursor-lost"     // journalctl refused the cursor
	GapClockStep   = "clock-step"      // the journal went back in time
	GapRateLimited = "rate-limited"    // journald dropped entries of the unit
	GapUnread      = "source-unread"   // the source could not be read; recoverable
	GapTornStream  = "torn-in-journal" // an export stream ended inside an entry
)

// saveGaps adds gaps; one that is known already (same reason, same beginning)
// only grows. recovered closes the gaps that reading on has filled.
func (tx *Tx) saveGaps(source int64, gaps []Gap, recovered bool, now int64) error {
	if recovered {
		_, err := tx.Exec(`
			UPDATE gaps
			SET recovered_at = ?
			WHERE source_id = ? AND reason = ? AND recovered_at IS NULL`, now, source, GapUnread)
		if err != nil {
			return err
		}
	}
	for _, g := range gaps {
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
