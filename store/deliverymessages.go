package store

import "database/sql"

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
	err = tx.Get(&e, sentColumns+`
		FROM incident_events AS e
		CROSS JOIN incidents AS i ON i.id = e.incident_id
		WHERE e.id = ?`, id)
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

// setDelivered marks what a sink has yet to receive, and to which a condition applies.
const setDelivered = `
UPDATE deliveries
SET
  state = 'delivered',
  tries = tries + 1,
  ended_at = ?3
WHERE sink_id = ?1
  AND ended_at IS NULL
  AND `

// MessageSent stores that a sink has received a message.
func (tx *Tx) MessageSent(sink, message, now int64) error {
	_, err := tx.Exec(setDelivered+"message = ?2", sink, message, now)
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
	_, err := tx.Exec(setDelivered+"event_id <= ?2", sink, event, now)
	return err
}
