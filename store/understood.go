package store

// PutEvidence has the facts that show whether the receiver's access lines are understood.
// Times are in microseconds, 0 for none.
type PutEvidence struct {
	LastPut       int64 `db:"last_put"`
	LastRejection int64 `db:"last_rejection"`
	FollowedSince int64 `db:"followed_since"` // as of the earliest recent pass that finished; later passes read on from there
	GapFrom       int64 `db:"gap_from"`       // start of the newest GapNotUnderstood
}

// recentPasses is the number of passes that FollowedSince considers: about a day.
const recentPasses = 300

// PutEvidence returns the facts about the PUTs in a journal source up to now, in
// microseconds.
func (tx *Tx) PutEvidence(source, now int64) (e PutEvidence, err error) {
	err = tx.Get(&e, `
		SELECT
		  COALESCE((SELECT MAX(at) FROM puts WHERE at <= ?), 0) AS last_put,
		  COALESCE((SELECT MAX(at) FROM rejections WHERE at <= ?), 0) AS last_rejection,
		  COALESCE((
		    SELECT MIN(as_of)
		    FROM (SELECT as_of, outcome FROM passes ORDER BY id DESC LIMIT ?)
		    WHERE outcome IN (?, ?)
		  ), 0) AS followed_since,
		  COALESCE((
		    SELECT MAX(from_at)
		    FROM gaps INDEXED BY gaps_open
		    WHERE source_id = ? AND reason = ? AND recovered_at IS NULL
		  ), 0) AS gap_from`,
		now, now, recentPasses, OutcomeOK, OutcomeUnread, source, GapNotUnderstood)
	return e, err
}

// ShipsBetween counts the ships after since and not after until, both in microseconds. It
// stops counting at most.
func (tx *Tx) ShipsBetween(since, until int64, most int) (n int, err error) {
	err = tx.Get(&n, `
		SELECT COUNT(*)
		FROM (SELECT 1 FROM ships WHERE received_at > ? AND received_at <= ? LIMIT ?)`, since, until, most)
	return n, err
}
