package store

import "cmp"

// pruneRest does one step on the other tables that grow with the input. done is true if
// nothing is left before that time. Most tables have no index by time, so they are
// scanned only once for each hour that before moves.
func (tx *Tx) pruneRest(before, alerts int64, rows int) (done bool, err error) {
	until, err := tx.prunedUntil("rest")
	if err != nil || until >= before {
		return err == nil, err
	}
	for _, step := range []func() (int64, error){
		func() (int64, error) { return tx.delete(pruneMessages, before, rows) },
		func() (int64, error) { return tx.delete(pruneSurplus, before, rows) },
		func() (int64, error) { return tx.pruneErrors(before) },
		func() (int64, error) { return tx.delete(pruneUnitStates, before, rows) },
		func() (int64, error) { return tx.delete(pruneGaps, before, rows) },
		func() (int64, error) { return tx.delete(pruneLate, before, rows) },
		func() (int64, error) { return tx.delete(pruneQuarantine, before, rows) },
		func() (int64, error) { return tx.delete(pruneQuarantineLines, before, rows) },
		func() (int64, error) { return tx.delete(pruneQuarantineCounts) },
		func() (int64, error) { return tx.delete(pruneAlerts, alerts, rows) },
		func() (int64, error) { return tx.lowerSinks(tx.pruneRepeated(before, until, rows)) },
		func() (int64, error) { return tx.delete(pruneActs, alerts, rows) },
		func() (int64, error) { return tx.pruneSeries(before, rows) },
		func() (int64, error) { return tx.pruneNames(before, rows) },
		func() (int64, error) { return tx.pruneRhythms(before, rows) },
		func() (int64, error) { return tx.lowerSinks(tx.pruneIncidents(alerts, before, rows)) },
	} {
		if n, err := step(); err != nil || n > 0 {
			return false, err
		}
	}
	return true, tx.prunedBefore("rest", before)
}

// prunedUntil returns the time before which a table is pruned, in microseconds, or 0 if it
// never was.
func (tx *Tx) prunedUntil(table string) (at int64, err error) {
	err = tx.Get(&at, "SELECT COALESCE(MAX(pruned_before), 0) FROM retention WHERE table_name = ?", table)
	return at, err
}

func (tx *Tx) delete(query string, args ...any) (rows int64, err error) {
	result, err := tx.Exec(query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// These statements run after the rejections and PUTs of that time are pruned.
const (
	pruneMessages = `
DELETE FROM messages
WHERE id IN (SELECT id FROM messages WHERE hour < ?1 / 3600000000 LIMIT ?2)`
	pruneSurplus = `
DELETE FROM surplus
WHERE (minute, host_id, kind, source_id) IN (
  SELECT minute, host_id, kind, source_id
  FROM surplus
  WHERE minute < ?1 / 60000000
  LIMIT ?2
)`
)

// The state of the unit as of that time stays.
const pruneUnitStates = `
DELETE FROM unit_states
WHERE (at, cursor_hash) IN (
  SELECT at, cursor_hash
  FROM unit_states
  WHERE at < (SELECT MAX(at) FROM unit_states WHERE at < ?1)
  LIMIT ?2
)`

// pruneErrors deletes the receiver's errors of the oldest hour, if that hour ends before a
// time. It deletes whole hours, so that a text counts all of its rows or is gone: an hour
// that is read again is counted from 0.
func (tx *Tx) pruneErrors(before int64) (deleted int64, err error) {
	var end int64
	err = tx.Get(&end, "SELECT COALESCE((MIN(first_at) / 3600000000 + 1) * 3600000000, ?1 + 1) FROM error_texts", before)
	if err != nil || end > before {
		return 0, err
	}
	if _, err := tx.Exec("DELETE FROM receiver_errors WHERE at < ?", end); err != nil {
		return 0, err
	}
	return tx.delete("DELETE FROM error_texts WHERE first_at < ?", end)
}

// The open gap of a source that still cannot be read stays, whatever its age.
const pruneGaps = `
DELETE FROM gaps
WHERE (source_id, reason, from_at) IN (
  SELECT source_id, reason, from_at
  FROM gaps
  WHERE to_at < ?1
    AND (recovered_at IS NOT NULL OR reason <> '` + GapUnread + `')
  LIMIT ?2
)`

// Deleting old samples of a reason makes room for newer ones. Once no sample is left, the
// count of its lines starts from 0 again. A deleted line counts again if it is read again.
const (
	pruneQuarantine = `
DELETE FROM quarantine
WHERE (source_id, reason, position, line_hash) IN (
  SELECT source_id, reason, position, line_hash
  FROM quarantine
  WHERE seen_at < ?1
  LIMIT ?2
)`
	pruneQuarantineLines = `
DELETE FROM quarantine_lines
WHERE (source_id, line_hash, position) IN (
  SELECT source_id, line_hash, position
  FROM quarantine_lines
  WHERE seen_at < ?1
  LIMIT ?2
)`
	pruneQuarantineCounts = `
DELETE FROM quarantine_counts
WHERE NOT EXISTS (
  SELECT 1
  FROM quarantine AS q
  WHERE q.source_id = quarantine_counts.source_id AND q.reason = quarantine_counts.reason
)`
)

// Alerts that are not in alerts.jsonl yet, or were found again recently, stay.
const pruneAlerts = `
DELETE FROM alerts
WHERE id IN (
  SELECT id
  FROM alerts
  WHERE detected_at < ?1 AND last_found_at < ?1 AND exported_at IS NOT NULL
  LIMIT ?2
)`

// hoursPerStep is the number of hours of the rollups that one step reads.
const hoursPerStep = 6

// pruneNames deletes the rollups of names that never shipped, and then the names without
// any row. It keeps the newest id, so that no id is used twice.
func (tx *Tx) pruneNames(before int64, rows int) (deleted int64, err error) {
	from, err := tx.prunedUntil("names")
	if err != nil {
		return 0, err
	}
	var first int64
	err = tx.Get(&first, `
		SELECT 3600000000 * MIN(
		  COALESCE((SELECT MIN(hour) FROM put_hours WHERE hour >= ?1), ?2),
		  COALESCE((SELECT MIN(hour) FROM rejection_hours WHERE hour >= ?1), ?2)
		)`, from/Hour, before/Hour)
	if err != nil {
		return 0, err
	}
	if first >= before {
		deleted, err = tx.delete(`
			DELETE FROM hosts
			WHERE id IN (
			  SELECT h.id
			  FROM hosts AS h
			  WHERE h.last_word_at < ?1
			    AND COALESCE(h.next_put_at, 0) < ?1
			    AND h.id < (SELECT MAX(id) FROM hosts)
			    AND h.id NOT IN (SELECT host_id FROM messages UNION SELECT host_id FROM put_clients)
			    AND `+neverShipped+`
			  LIMIT ?2
			)`, before, rows)
		if deleted > 0 {
			tx.s.hosts = nil
		}
		return deleted, err
	}
	to := min(first+hoursPerStep*Hour, before)
	for _, table := range []string{"put_hours", "rejection_hours"} {
		n, err := tx.delete(`
			DELETE FROM `+table+`
			WHERE hour >= ? AND hour < ?
			  AND host_id IN (SELECT h.id FROM hosts AS h WHERE `+neverShipped+`)`, first/Hour, to/Hour)
		if err == nil && n > 0 {
			err = cmp.Or(tx.openDay(first/day), tx.openDay((to-1)/day))
		}
		if err != nil {
			return 0, err
		}
	}
	// Report one row even if there was none, so that the next step continues from here.
	return 1, tx.prunedBefore("names", to)
}

const day = 24 * Hour

// pruneSeries deletes series that have no ships and that no rollup names, and the code
// commits that only they had.
func (tx *Tx) pruneSeries(before int64, rows int) (deleted int64, err error) {
	var commits []int64
	err = tx.Select(&commits, `
		DELETE FROM series
		WHERE id IN (SELECT id FROM series WHERE named = 0 AND last_day < ? LIMIT ?)
		RETURNING code_commit_id`, before/day, rows/10+1)
	if err != nil {
		return 0, err
	}
	for _, id := range commits {
		_, err := tx.Exec(`
			DELETE FROM code_commits
			WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM series WHERE code_commit_id = ?1)`, id)
		if err != nil {
			return 0, err
		}
	}
	if len(commits) > 0 {
		tx.s.series, tx.s.commits = nil, nil
	}
	return int64(len(commits)), nil
}
