package store

import "database/sql"

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
	return tx.eachSent(selectSent+" AND e.id > ? AND e.id <= ? ORDER BY e.id", each, after, until)
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
// in microseconds, for a sink that has just been added.
func (tx *Tx) EachOpenEvent(now int64, each func(SentEvent) error) error {
	return tx.eachSent(openEvents, each, now)
}

func (tx *Tx) eachSent(query string, each func(SentEvent) error, args ...any) error {
	rows, err := tx.Queryx(query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var e SentEvent
		if err := rows.StructScan(&e); err != nil {
			return err
		}
		if err := each(e); err != nil {
			return err
		}
	}
	return rows.Err()
}

// AddDelivery stores that a sink is to be told of an event. It leaves out what goes on, if
// the sink has yet to be told of the incident. now is in microseconds.
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
		  )`)
	if err == nil {
		_, err = insert.Exec(sink, e.ID, now, e.Event, e.IncidentID)
	}
	return err
}

// SetConsidered stores the newest event that was considered for a sink.
func (tx *Tx) SetConsidered(sink, event int64) error {
	_, err := tx.Exec("UPDATE sinks SET event_id = ? WHERE id = ? AND event_id <> ?", event, sink, event)
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

// CountWaiting returns the number of events that a sink has yet to be told of.
func (tx *Tx) CountWaiting(sink int64) (n int, err error) {
	err = tx.Get(&n, "SELECT COUNT(*) FROM deliveries WHERE sink_id = ? AND ended_at IS NULL", sink)
	return n, err
}

// ClaimDeliveries makes messages of the deliveries of a sink that wait: one of each, or one
// of all, if there are more than most. It returns the first event that it claimed; 0 for none.
func (tx *Tx) ClaimDeliveries(sink int64, most int) (first int64, err error) {
	var waiting struct {
		First sql.NullInt64 `db:"first"`
		N     int           `db:"n"`
	}
	err = tx.Get(&waiting, `
		SELECT
		  MIN(event_id) AS first,
		  COUNT(*) AS n
		FROM deliveries
		WHERE sink_id = ? AND state = 'waiting' AND ended_at IS NULL`, sink)
	if err != nil || waiting.N == 0 {
		return 0, err
	}
	message := "event_id"
	if waiting.N > most {
		message = "?2"
	}
	_, err = tx.Exec(`
		UPDATE deliveries
		SET
		  state = 'sending',
		  message = `+message+`
		WHERE sink_id = ?1 AND state = 'waiting' AND ended_at IS NULL AND event_id >= ?2`, sink, waiting.First.Int64)
	return waiting.First.Int64, err
}

// ReleaseDeliveries makes the messages of a sink wait that were claimed and not tried: those
// after one, from the first one that the run claimed.
func (tx *Tx) ReleaseDeliveries(sink, after, claimed int64) error {
	if claimed == 0 {
		return nil
	}
	_, err := tx.Exec(`
		UPDATE deliveries
		SET
		  state = 'waiting',
		  message = 0
		WHERE sink_id = ? AND message > ? AND message >= ? AND ended_at IS NULL`, sink, after, claimed)
	return err
}

// ClaimedMessage is what a sink is told at once.
type ClaimedMessage struct {
	ID     int64 `db:"message"` // its first event
	Last   int64 `db:"last"`    // its last event
	Events int   `db:"events"`
}

// ClaimedMessages returns the messages that a sink has yet to receive, oldest first.
func (tx *Tx) ClaimedMessages(sink int64) (list []ClaimedMessage, err error) {
	err = tx.Select(&list, `
		SELECT
		  message,
		  MAX(event_id) AS last,
		  COUNT(*) AS events
		FROM deliveries
		WHERE sink_id = ? AND message > 0 AND ended_at IS NULL
		GROUP BY message
		ORDER BY message`, sink)
	return list, err
}

// SentEvent returns an event with what its message says.
func (tx *Tx) SentEvent(id int64) (e SentEvent, err error) {
	err = tx.eachSent(sentColumns+`
		FROM incident_events AS e
		CROSS JOIN incidents AS i ON i.id = e.incident_id
		WHERE e.id = ?`, func(row SentEvent) error { e = row; return nil }, id)
	return e, err
}

// EventCount is how many events of a kind a message has.
type EventCount struct {
	Event   string `db:"event"`
	Symptom string `db:"symptom"`
	N       int    `db:"n"`
}

// CountMessage counts the events of a message by kind and symptom, the most frequent first.
func (tx *Tx) CountMessage(sink, message int64) (list []EventCount, err error) {
	err = tx.Select(&list, `
		SELECT
		  e.event,
		  e.symptom,
		  COUNT(*) AS n
		FROM deliveries AS d
		CROSS JOIN incident_events AS e ON e.id = d.event_id
		WHERE d.sink_id = ? AND d.message = ? AND d.ended_at IS NULL
		GROUP BY e.event, e.symptom
		ORDER BY n DESC, e.event, e.symptom`, sink, message)
	return list, err
}

// MessageSent stores that a sink has received a message.
func (tx *Tx) MessageSent(sink, message, now int64) error {
	_, err := tx.Exec(`
		UPDATE deliveries
		SET
		  state = 'delivered',
		  tries = tries + 1,
		  ended_at = ?
		WHERE sink_id = ? AND message = ? AND ended_at IS NULL`, now, sink, message)
	return err
}

// MessageFailed stores that a message could not be sent, and why. The message is tried again,
// unless the sink has refused it for good.
func (tx *Tx) MessageFailed(sink, message int64, reason string, refused bool, now int64) error {
	_, err := tx.Exec(`
		UPDATE deliveries
		SET
		  state = IIF(?4, 'given up', state),
		  tries = tries + 1,
		  error = ?3,
		  ended_at = IIF(?4, ?5, ended_at)
		WHERE sink_id = ?1 AND message = ?2 AND ended_at IS NULL`, sink, message, reason, refused, now)
	return err
}

// DeliveredUpTo stores that a sink knows all events up to one.
func (tx *Tx) DeliveredUpTo(sink, event, now int64) error {
	_, err := tx.Exec(`
		UPDATE deliveries
		SET
		  state = 'delivered',
		  tries = tries + 1,
		  ended_at = ?
		WHERE sink_id = ? AND event_id <= ? AND ended_at IS NULL`, now, sink, event)
	return err
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
	err = tx.eachSent(sentColumns+`
		FROM deliveries AS d
		CROSS JOIN incident_events AS e ON e.id = d.event_id
		CROSS JOIN incidents AS i ON i.id = e.incident_id
		WHERE d.sink_id = ?
		  AND d.ended_at IS NULL
		  AND e.event = '`+EventResolved+`'
		ORDER BY e.id
		LIMIT ?`, func(e SentEvent) error { list = append(list, e); return nil }, sink, most)
	return list, err
}
