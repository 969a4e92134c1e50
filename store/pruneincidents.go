package store

import "cmp"

// An incident that ended a long time ago goes as an alert does. That of a name which never
// shipped goes with the name: anybody may have invented it. A cause stays as long as an
// incident that it explains.
const goneIncidents = `
  SELECT id
  FROM incidents
  WHERE resolved_at < MAX(?1, ?2)
    AND (
      resolved_at < ?1
      OR subject NOT IN (SELECT name FROM hosts UNION VALUES ('` + SubjectGroup + `'), ('` + SubjectReceiver + `'))
    )
    AND id NOT IN (SELECT explained_by FROM incidents WHERE explained_by IS NOT NULL)`

// pruneIncidents deletes incidents that ended before a time in microseconds, and those of
// deleted hosts that ended before another. It deletes at least one if there is any, and then
// more until it has deleted so many rows.
func (tx *Tx) pruneIncidents(alerts, before int64, rows int) (deleted int64, err error) {
	var ids []int64
	if err := tx.Select(&ids, goneIncidents+" LIMIT ?3", alerts, before, rows); err != nil {
		return 0, err
	}
	for _, id := range ids {
		for _, query := range []string{
			"DELETE FROM incident_hosts WHERE incident_id = ?", // the receiver's has all hosts
			"DELETE FROM deliveries WHERE event_id IN (SELECT id FROM incident_events WHERE incident_id = ?)",
			"DELETE FROM incident_events WHERE incident_id = ?",
			"DELETE FROM incidents WHERE id = ?",
		} {
			statement, err := tx.once(query)
			if err != nil {
				return 0, err
			}
			result, err := statement.Exec(id)
			if err != nil {
				return 0, err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return 0, err
			}
			deleted += n
		}
		if deleted >= int64(rows) {
			break
		}
	}
	return deleted, nil
}

// pruneRepeated deletes what said again that an incident goes on, from before a time in
// microseconds. Other events stay as long as their incident. Those from before until were
// pruned in an earlier hour.
func (tx *Tx) pruneRepeated(before, until int64, rows int) (deleted int64, err error) {
	var ids []int64
	err = tx.Select(&ids, `
		DELETE FROM incident_events
		WHERE id IN (
		  SELECT id
		  FROM incident_events
		  WHERE at >= ?2 AND at < ?1 AND event = '`+EventRepeated+`'
		  LIMIT ?3
		)
		RETURNING id`, before, until, rows)
	for _, id := range ids {
		statement, onceErr := tx.once("DELETE FROM deliveries WHERE event_id = ?")
		if err = cmp.Or(err, onceErr); err == nil {
			_, err = statement.Exec(id)
		}
	}
	return int64(len(ids)), err
}

// lowerSinks makes sinks consider events whose ids are given again, after events were
// deleted. It returns its arguments, unless it fails.
func (tx *Tx) lowerSinks(deleted int64, err error) (int64, error) {
	if err == nil && deleted > 0 {
		_, err = tx.Exec(`
			UPDATE sinks
			SET event_id = (SELECT COALESCE(MAX(id), 0) FROM incident_events)
			WHERE event_id > (SELECT COALESCE(MAX(id), 0) FROM incident_events)`)
	}
	return deleted, err
}

// The reason why a host is retired stays as long as it is, and that of a mute until its end. A
// setting stays until another has held for as long as incidents are kept.
const pruneActs = `
DELETE FROM operator_acts
WHERE id IN (
  SELECT id
  FROM operator_acts
  WHERE at < ?1
    AND COALESCE(until_at, 0) < ?1
    AND NOT (
      act = '` + ActRetire + `'
      AND host IN (SELECT name FROM hosts WHERE retired_at = at)
    )
    AND NOT (
      value IS NOT NULL
      AND host IN (SELECT name FROM hosts)
      AND id = (
        SELECT MAX(later.id)
        FROM operator_acts AS later
        WHERE later.setting = operator_acts.setting AND later.host = operator_acts.host AND later.at < ?1
      )
    )
  ORDER BY id -- an unset must not go before what it ended
  LIMIT ?2
)`

// pruneRhythms deletes the rhythms of hosts that are gone, and of those that have not
// shipped for so long that nothing can be learnt about them.
func (tx *Tx) pruneRhythms(before int64, rows int) (deleted int64, err error) {
	var ids []int64
	err = tx.Select(&ids, `
		DELETE FROM rhythms
		WHERE host_id IN (
		  SELECT r.host_id
		  FROM rhythms AS r
		  LEFT JOIN hosts AS h ON h.id = r.host_id
		  WHERE COALESCE(h.last_ship_at, 0) < ?
		  LIMIT ?
		)
		RETURNING host_id`, before-LearnFrom, rows/Slots+1)
	for _, id := range ids {
		if err == nil {
			_, err = tx.Exec("DELETE FROM rhythm_hours WHERE host_id = ?", id)
		}
	}
	return int64(len(ids)), err
}
