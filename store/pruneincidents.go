package store

// pruneIncidents does one step on the incidents that ended before a time in microseconds,
// and on what is known of them. One stays as long as another that it explains.
func (tx *Tx) pruneIncidents(before int64, rows int) (deleted int64, err error) {
	for _, table := range []string{
		"incident_events WHERE incident_id",
		"incident_hosts WHERE incident_id",
		"incidents WHERE id", // the last, because it decides what goes
	} {
		if deleted, err = tx.delete("DELETE FROM "+table+expiredIncidents, before, rows); err != nil {
			return 0, err
		}
	}
	return deleted, nil
}

const expiredIncidents = ` IN (
  SELECT id
  FROM incidents
  WHERE resolved_at < ?1
    AND id NOT IN (
      SELECT explained_by
      FROM incidents
      WHERE explained_by IS NOT NULL
        AND (resolved_at IS NULL OR resolved_at >= ?1)
    )
  ORDER BY id
  LIMIT ?2
)`

// An incident that stays open is repeated once an hour. What happened to it else stays with
// it.
const pruneRepeated = `
DELETE FROM incident_events
WHERE id IN (
  SELECT id
  FROM incident_events
  WHERE at < ?1 AND event = '` + EventRepeated + `'
  LIMIT ?2
)`
