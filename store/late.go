package store

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"sort"
)

// Kinds of late facts.
const (
	lateShip      = "ship"
	latePut       = "put"
	lateRejection = "rejection"
	lateState     = "state"
)

// judgedPass is the newest pass that has judged. It is zero while no pass has judged by all
// that its sources had: what the first passes read of a long journal is not late.
type judgedPass struct {
	ID    int64 `db:"id"`
	Until int64 `db:"until"` // the latest time that passes have judged, in microseconds
}

// readAll is a condition on a pass: it read its sources to their ends. The keys are those of
// detect.Sources.
const readAll = `COALESCE(sources ->> '$.index.unread', sources ->> '$.index.read_to', sources ->> '$.journal.unread', sources ->> '$.journal.read_to') IS NULL`

func (tx *Tx) lastJudged() (*judgedPass, error) {
	if tx.s.judged != nil {
		return tx.s.judged, nil
	}
	var last judgedPass
	// After a clock that was ahead, facts are late until the clock is there again; but not for
	// the years for which it may have been ahead.
	err := tx.Get(&last, `
		SELECT
		  id,
		  (
		    SELECT MAX(as_of)
		    FROM passes
		    WHERE id > last.id - 3000
		      AND judged = 1
		      AND as_of <= last.as_of + ?
		  ) AS until
		FROM passes AS last
		WHERE judged = 1
		  AND EXISTS (
		    SELECT 1
		    FROM passes
		    WHERE judged = 1
		      AND `+readAll+`
		  )
		ORDER BY id DESC
		LIMIT 1`, LateWithin)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	tx.s.judged = &last
	return &last, nil
}

// LateWithin is how far a clock may have been ahead, in microseconds, for facts to be late that
// came after it had gone back.
const LateWithin = 24 * Hour

// noteLate stores which of n facts came late. They are new, and in the order of their times.
func (tx *Tx) noteLate(kind string, n int, key func(i int) (at, hash int64)) error {
	last, err := tx.lastJudged()
	if err != nil {
		return err
	}
	late := sort.Search(n, func(i int) bool {
		at, _ := key(i)
		return at > last.Until
	})
	if late == 0 {
		return nil
	}
	_, err = tx.insertMany(`
		INSERT INTO late_facts (at, kind, hash, after_pass)`, `
		ON CONFLICT (at, kind, hash) DO NOTHING`, 4, late, func(i int, values []driver.NamedValue) {
		at, hash := key(i)
		values[0].Value, values[1].Value, values[2].Value, values[3].Value = at, kind, hash, last.ID
	})
	return err
}

// noteLateStates does what noteLate does for changes of the unit, of which some may be known.
func (tx *Tx) noteLateStates(changes []UnitChange) error {
	last, err := tx.lastJudged()
	if err != nil || len(changes) == 0 || changes[0].At > last.Until {
		return err
	}
	fresh := slices.Clone(changes)
	fresh = slices.DeleteFunc(fresh, func(c UnitChange) bool {
		var known bool
		if err == nil {
			err = tx.Get(&known, "SELECT EXISTS (SELECT 1 FROM unit_states WHERE at = ? AND cursor_hash = ?)", c.At, int64(c.CursorHash))
		}
		return known
	})
	if err != nil {
		return err
	}
	return tx.noteLate(lateState, len(fresh), func(i int) (at, hash int64) { return fresh[i].At, int64(fresh[i].CursorHash) })
}

// ReadLater returns how many facts of a window, in microseconds, were read after the last pass
// that judged as of its end.
func (tx *Tx) ReadLater(since, until int64) (facts int64, err error) {
	err = tx.Get(&facts, `
		SELECT COUNT(*)
		FROM late_facts
		WHERE at > ?1
		  AND at <= ?2
		  AND after_pass >= (SELECT MAX(id) FROM passes WHERE judged = 1 AND as_of <= ?2)`, since, until)
	return facts, err
}

// pruneLate deletes what is known of late facts that are pruned.
const pruneLate = `
DELETE FROM late_facts
WHERE (at, kind, hash) IN (
  SELECT at, kind, hash
  FROM late_facts
  WHERE at < ?1
  LIMIT ?2
)`

// Judged stores what a pass judged by: its thresholds as JSON, and which sources it could not
// judge by, as JSON, "" if all were read.
func (tx *Tx) Judged(pass int64, sources, thresholds string) error {
	tx.s.judged = nil
	if _, err := tx.Exec("UPDATE passes SET judged = 1, sources = NULLIF(?, '') WHERE id = ?", sources, pass); err != nil {
		return err
	}
	_, err := tx.Exec(`
		INSERT INTO pass_thresholds (pass_id, thresholds)
		SELECT ?1, ?2
		WHERE ?2 IS NOT (SELECT thresholds FROM pass_thresholds ORDER BY pass_id DESC LIMIT 1)
		ON CONFLICT (pass_id) DO UPDATE SET
		  thresholds = excluded.thresholds`, pass, thresholds)
	return err
}
