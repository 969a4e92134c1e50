package store

// Stamps compares the facts of one source with a clock. The counts are 0 unless the newest
// fact of this source or of the other source is ahead of the clock.
type Stamps struct {
	Newest int64 // newest fact that was not ahead of the clock when it was read, in microseconds; 0 for none
	Ahead  int   // facts more than FutureTolerance ahead of the clock, up to Newest
	Recent int   // facts of the last recentFacts that are not ahead of the clock
}

const (
	// recentFacts is the largest age of a recent fact, in microseconds.
	recentFacts = 30 * Minute
	// MaxStamps is the largest number of facts that Stamps counts in one table.
	MaxStamps = 10_000
)

// ahead reports whether the newest fact is ahead of the clock.
func (s Stamps) ahead(now int64) bool { return s.Newest > now+FutureTolerance }

// timeline is a table of facts, and its column of the time.
type timeline struct{ table, at string }

var (
	indexTimelines   = []timeline{{"ships", "received_at"}}
	journalTimelines = []timeline{{"puts", "at"}, {"rejections", "at"}}
)

// Stamps compares the facts of the index and of the journal with a clock. If no fact is
// ahead of it, one look at the cursors is enough.
func (tx *Tx) Stamps(now int64) (index, journal Stamps, err error) {
	var newest struct{ Index, Journal int64 }
	err = tx.Get(&newest, `
		SELECT
		  COALESCE(MAX(newest_at) FILTER (WHERE stream = 'index'), 0) AS "index",
		  COALESCE(MAX(newest_at) FILTER (WHERE stream <> 'index'), 0) AS journal
		FROM cursors
		JOIN sources ON sources.id = source_id`)
	index.Newest, journal.Newest = newest.Index, newest.Journal
	if err != nil || !index.ahead(now) && !journal.ahead(now) {
		return index, journal, err
	}
	if err := tx.countStamps(&index, indexTimelines, now); err != nil {
		return index, journal, err
	}
	return index, journal, tx.countStamps(&journal, journalTimelines, now)
}

// SteadyClock reports whether none of the newest KeptPasses passes evaluated a time
// after now. It is false if there are fewer passes.
func (tx *Tx) SteadyClock(now int64) (steady bool, err error) {
	err = tx.Get(&steady, `
		SELECT COUNT(*) = ?1 AND MAX(as_of) <= ?2
		FROM (
		  SELECT as_of
		  FROM passes
		  ORDER BY id DESC
		  LIMIT ?1
		)`, KeptPasses, now)
	return steady, err
}

func (tx *Tx) countStamps(s *Stamps, timelines []timeline, now int64) error {
	for _, t := range timelines {
		count := "SELECT COUNT(*) FROM (SELECT 1 FROM " + t.table + " WHERE " + t.at + " > ? AND " + t.at + " <= ? LIMIT ?)"
		var ahead, recent int
		if err := tx.Get(&ahead, count, now+FutureTolerance, s.Newest, MaxStamps); err != nil {
			return err
		}
		if err := tx.Get(&recent, count, now-recentFacts, now+FutureTolerance, MaxStamps); err != nil {
			return err
		}
		s.Ahead += ahead
		s.Recent += recent
	}
	if s.ahead(now) {
		s.Ahead = max(s.Ahead, 1) // its row may have been pruned
	}
	return nil
}

// ForgetAhead sets the newest fact of the index, or of the journal, to the newest one that
// is not ahead of now, in microseconds. Call it after a wrong clock is right again. The
// facts that the wrong clock accepted would hold the detectors back until their time.
func (tx *Tx) ForgetAhead(stream string, now int64) error {
	timelines, streams := journalTimelines, "stream <> 'index'"
	if stream == StreamIndex {
		timelines, streams = indexTimelines, "stream = 'index'"
	}
	newest := int64(0)
	for _, t := range timelines {
		var at int64
		if err := tx.Get(&at, "SELECT COALESCE(MAX("+t.at+"), 0) FROM "+t.table+" WHERE "+t.at+" <= ?", now+FutureTolerance); err != nil {
			return err
		}
		newest = max(newest, at)
	}
	_, err := tx.Exec(`
		UPDATE cursors
		SET newest_at = NULLIF(?, 0)
		WHERE newest_at > ?
		  AND source_id IN (SELECT id FROM sources WHERE `+streams+`)`, newest, now+FutureTolerance)
	return err
}
