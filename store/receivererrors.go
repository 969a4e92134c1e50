package store

import (
	"cmp"
	"database/sql/driver"
	"slices"
)

// ReceiverError is an error line of the receiver, or a traceback.
type ReceiverError struct {
	At         int64  // microseconds
	CursorHash uint64 // xxhash64 of the journal entry's cursor, plus the index of the error in the entry
	Kind       string // KindError or KindTraceback
	Text       string // the text of the receiver, escaped by visible.EscapeUpTo
}

// Kinds of a ReceiverError.
const (
	KindError     = "error"     // a line of level error or worse
	KindTraceback = "traceback" // the last line of a traceback
)

// ErrorsPerMinute is the largest number of errors of a kind that a minute keeps and counts:
// the first ones read. More of them say nothing new, and a receiver may print thousands.
const ErrorsPerMinute = 60

const insertReceiverErrors = `
INSERT INTO receiver_errors (at, cursor_hash, text_id)`

// errorsOfMinute answers: how many errors of each kind does a minute have?
const errorsOfMinute = `
SELECT t.kind, COUNT(*) AS n
FROM receiver_errors AS e
JOIN error_texts AS t ON t.id = e.text_id
WHERE e.at >= ?1 * 60000000 AND e.at < (?1 + 1) * 60000000
GROUP BY t.kind`

// saveReceiverErrors stores the errors of a batch that are new, within the quotas.
func (tx *Tx) saveReceiverErrors(source int64, found []ReceiverError) error {
	if len(found) == 0 {
		return nil
	}
	slices.SortFunc(found, compareErrors)
	found = slices.CompactFunc(found, func(a, b ReceiverError) bool { return compareErrors(a, b) == 0 })
	found, newest, err := dropKnown(tx, errorsTable, found, func(i int, values []driver.NamedValue) {
		setInts(values, found[i].At, int64(found[i].CursorHash))
	})
	if err != nil {
		return err
	}
	if found, err = tx.withinMinutes(found, newest); err != nil {
		return err
	}
	texts := newErrorTexts(tx, source)
	ids := make([]*errorText, len(found))
	for i := range found {
		if ids[i], err = texts.find(&found[i]); err != nil {
			return err
		}
	}
	if err := texts.save(); err != nil {
		return err
	}
	_, err = tx.insertMany(insertReceiverErrors, "", 3, len(found), func(i int, values []driver.NamedValue) {
		setInts(values, found[i].At, int64(found[i].CursorHash), ids[i].id)
	})
	return err
}

// withinMinutes returns the errors for which their minute has room. They are sorted by
// time. newest is the time of the newest row that is not later than they are.
func (tx *Tx) withinMinutes(found []ReceiverError, newest int64) ([]ReceiverError, error) {
	kept := found[:0]
	minute := int64(-1)
	var counts map[string]int
	for _, e := range found {
		if e.At/Minute != minute {
			minute, counts = e.At/Minute, map[string]int{}
			if minute <= newest/Minute {
				var rows []struct {
					Kind string `db:"kind"`
					N    int    `db:"n"`
				}
				of, err := tx.once(errorsOfMinute)
				if err == nil {
					err = of.Select(&rows, minute)
				}
				if err != nil {
					return nil, err
				}
				for _, r := range rows {
					counts[r.Kind] = r.N
				}
			}
		}
		if counts[e.Kind]++; counts[e.Kind] <= ErrorsPerMinute {
			kept = append(kept, e)
		}
	}
	return kept, nil
}

// compareErrors orders errors by their key.
func compareErrors(a, b ReceiverError) int {
	return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(int64(a.CursorHash), int64(b.CursorHash)))
}

// ReceiverWord is a text of the receiver's errors, and how often it came in a time.
type ReceiverWord struct {
	Kind  string `db:"kind"` // KindError or KindTraceback
	Text  string `db:"text"` // escaped, at most 256 bytes; "(more messages)" stands for several
	Count int    `db:"n"`    // at most ErrorsPerMinute of a kind and minute count
	First int64  `db:"first_at"`
	Last  int64  `db:"last_at"` // microseconds, as First
}

// maxWords is the largest number of words that ReceiverSaid returns.
const maxWords = 20

// ReceiverSaid returns the errors of the receiver in a time from (inclusive) to
// (exclusive), in microseconds: the 20 most frequent texts, the most frequent first. Of
// equally frequent ones, the text that came last comes first.
func (tx *Tx) ReceiverSaid(from, to int64) (words []ReceiverWord, err error) {
	err = tx.Select(&words, `
		SELECT
		  t.kind,
		  t.text,
		  SUM(e.n) AS n,
		  MIN(e.first_at) AS first_at,
		  MAX(e.last_at) AS last_at
		FROM (
		  SELECT text_id, COUNT(*) AS n, MIN(at) AS first_at, MAX(at) AS last_at
		  FROM receiver_errors
		  WHERE at >= ? AND at < ?
		  GROUP BY text_id
		) AS e
		JOIN error_texts AS t ON t.id = e.text_id
		GROUP BY t.kind, t.text
		ORDER BY n DESC, last_at DESC, t.kind, t.text
		LIMIT ?`, from, to, maxWords)
	return words, err
}
