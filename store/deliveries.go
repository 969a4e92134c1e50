package store

// SentEvent is an event with what its message says of its incident.
type SentEvent struct {
	SubjectEvent
	BeganAt     int64  `db:"began_at"`      // microseconds
	LastFoundAt int64  `db:"last_found_at"` // microseconds
	Fix         string `db:"fix"`
}

// sentColumns are those of a SentEvent.
const sentColumns = `
SELECT
  e.*,
  i.subject,
  i.began_at,
  i.last_found_at,
  i.fix
`

// selectSent selects events that people are told: those that a pass said, what goes on, and
// what was acknowledged after it was said.
const selectSent = sentColumns + `
FROM incident_events AS e
CROSS JOIN incidents AS i ON i.id = e.incident_id
WHERE (
    e.said
    OR e.event = '` + EventRepeated + `'
    OR e.event = '` + EventAcknowledged + `' AND i.said_at IS NOT NULL
  )`

// EachEventToSend calls each with the events that people are told, in their order, from after
// one with an ID up to another.
func (tx *Tx) EachEventToSend(after, until int64, each func(SentEvent) error) error {
	return eachRow(tx, each, selectSent+" AND e.id > ? AND e.id <= ? ORDER BY e.id", after, until)
}

// EachEndToSend is EachEventToSend, but only for the ends of incidents that a sink was told of.
func (tx *Tx) EachEndToSend(sink, after, until int64, each func(SentEvent) error) error {
	return eachRow(tx, each, selectSent+`
  AND e.id > ?
  AND e.id <= ?
  AND e.event = '`+EventResolved+`'
  AND EXISTS (
    SELECT 1
    FROM incident_events AS told
    CROSS JOIN deliveries AS d ON d.sink_id = ? AND d.event_id = told.id
    WHERE told.incident_id = e.incident_id
  )
ORDER BY e.id`, after, until, sink)
}

// openEvents selects an event of each open incident that was said, is not explained and not
// acknowledged, and whose host is not muted: the newest that was said, or else the first.
const openEvents = sentColumns + `
FROM incidents AS i
CROSS JOIN incident_events AS e ON e.id = COALESCE(
  (SELECT MAX(id) FROM incident_events WHERE incident_id = i.id AND said),
  (SELECT MIN(id) FROM incident_events WHERE incident_id = i.id)
)
WHERE i.resolved_at IS NULL
  AND i.said_at IS NOT NULL
  AND i.explained_by IS NULL
  AND COALESCE(i.acked_until, 0) <= ?1
  AND i.subject NOT IN (SELECT name FROM hosts WHERE muted_until > ?1)
ORDER BY i.id`

// EachOpenEvent calls each with an event of each incident that people are told about at a time
// in microseconds, for a sink that knows nothing of them yet.
func (tx *Tx) EachOpenEvent(now int64, each func(SentEvent) error) error {
	return eachRow(tx, each, openEvents, now)
}

// AddDelivery stores that a sink is to be told of an event, unless it was. It leaves out what
// goes on, if the sink has yet to be told of the incident. now is in microseconds.
func (tx *Tx) AddDelivery(sink int64, e *SentEvent, now int64) error {
	insert, err := tx.once(`
		INSERT INTO deliveries (sink_id, event_id, added_at)
		SELECT ?1, ?2, ?3
		WHERE ?4 <> '` + EventRepeated + `'
		  OR NOT EXISTS (
		    SELECT 1
		    FROM incident_events AS e
		    CROSS JOIN deliveries AS d ON d.sink_id = ?1 AND d.event_id = e.id
		    WHERE e.incident_id = ?5 AND d.ended_at IS NULL
		  )
		ON CONFLICT (sink_id, event_id) DO NOTHING`)
	if err == nil {
		_, err = insert.Exec(sink, e.ID, now, e.Event, e.IncidentID)
	}
	return err
}

// SetConsidered stores the newest event that was considered for a sink. It changes nothing if
// that is known, and was stored in the hour before now, in microseconds.
func (tx *Tx) SetConsidered(sink, event, now int64) error {
	_, err := tx.Exec(`
		UPDATE sinks
		SET
		  event_id = ?2,
		  seen_at = ?3
		WHERE id = ?1
		  AND (event_id <> ?2 OR seen_at NOT BETWEEN ?3 - 3600000000 AND ?3)`, sink, event, now)
	return err
}

// GiveUpDeliveries gives up what was to be delivered to a sink since before a time in
// microseconds, and returns the number of these events.
func (tx *Tx) GiveUpDeliveries(sink, before, now int64) (n int64, err error) {
	return tx.delete(`
		UPDATE deliveries
		SET
		  state = 'given up',
		  error = (SELECT last_error FROM sinks WHERE id = ?1),
		  ended_at = ?3
		WHERE sink_id = ?1 AND added_at < ?2 AND ended_at IS NULL`, sink, before, now)
}

// SaidIncidents returns at most so many open incidents that were said, those of the receiver
// and of groups first.
func (tx *Tx) SaidIncidents(most int) (list []Incident, err error) {
	err = tx.Select(&list, `
		SELECT *
		FROM incidents
		WHERE resolved_at IS NULL
		  AND said_at IS NOT NULL
		ORDER BY subject NOT IN (?, ?), id
		LIMIT ?`, SubjectReceiver, SubjectGroup, most)
	return list, err
}

// ResolvedToSend returns at most so many events of which a sink has yet to be told, and which
// say that an incident ended, oldest first.
func (tx *Tx) ResolvedToSend(sink int64, most int) (list []SentEvent, err error) {
	err = tx.Select(&list, sentColumns+`
		FROM deliveries AS d
		CROSS JOIN incident_events AS e ON e.id = d.event_id
		CROSS JOIN incidents AS i ON i.id = e.incident_id
		WHERE d.sink_id = ?
		  AND d.ended_at IS NULL
		  AND e.event = '`+EventResolved+`'
		ORDER BY e.id
		LIMIT ?`, sink, most)
	return list, err
}
