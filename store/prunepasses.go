package store

// KeptPasses is the number of newest passes that are never pruned.
const KeptPasses = 100

// EarliestOfPasses returns the earliest time, in microseconds, as of which one of the
// newest n passes judged. It is 0 if there are fewer passes.
func (tx *Tx) EarliestOfPasses(n int) (asOf int64, err error) {
	err = tx.Get(&asOf, `
		SELECT CASE COUNT(*) WHEN ? THEN MIN(as_of) ELSE 0 END
		FROM (
		  SELECT as_of
		  FROM passes
		  ORDER BY id DESC
		  LIMIT ?
		)`, n, n)
	return asOf, err
}

// passesBefore returns the time, on the hour, before which passes may be pruned.
func (tx *Tx) passesBefore(before int64) (int64, error) {
	kept, err := tx.EarliestOfPasses(KeptPasses)
	return min(before, kept-kept%Hour), err
}

// prunablePasses answers: which are the first passes before a time that have no alert?
const prunablePasses = `
SELECT id
FROM passes AS p
WHERE as_of < ?
  AND NOT EXISTS (SELECT 1 FROM alerts WHERE pass_id = p.id)
ORDER BY id
LIMIT ?`

// prunePasses deletes some passes before a time, or sets p.Whole if none is left. Passes
// have no index by time, so it records the time that it has reached. That way they are
// scanned only once an hour.
func (tx *Tx) prunePasses(before int64, rows int, p *Pruned) error {
	before, err := tx.passesBefore(before)
	if err != nil {
		return err
	}
	err = tx.Get(&p.Whole, `
		SELECT ?1 <= 0 OR EXISTS (
		  SELECT 1
		  FROM retention
		  WHERE table_name = 'passes' AND pruned_before >= ?1
		)`, before)
	if err != nil || p.Whole {
		return err
	}
	result, err := tx.Exec("DELETE FROM passes WHERE id IN ("+prunablePasses+")", before, rows)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	p.Passes += int(n)
	if p.Whole = int(n) < rows; err != nil || !p.Whole {
		return err
	}
	return tx.prunedBefore("passes", before)
}
