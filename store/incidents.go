package store

import (
	"database/sql"
	"encoding/json"
	"errors"
)

// Subjects of incidents that are no hosts. No host can have such a name.
const (
	SubjectReceiver = "(receiver)"
	SubjectGroup    = "(group)"
)

// Resolutions of an incident.
const (
	ResolvedRecovered = "recovered" // it was not found for the hold time
	ResolvedRetired   = "retired"   // its host was retired
	ResolvedExplained = "explained" // its cause ended, and its host is not in trouble by itself
)

// Events of an incident.
const (
	EventOpened       = "opened"
	EventRepeated     = "repeated"
	EventLost         = "lost"
	EventAcknowledged = "acknowledged"
	EventResolved     = "resolved"
)

// Incident is one continuing trouble of one subject. Times are microseconds.
type Incident struct {
	ID          int64          `db:"id"`
	Subject     string         `db:"subject"` // a host as StoredName writes it, SubjectReceiver or SubjectGroup
	Symptom     string         `db:"symptom"`
	BeganAt     int64          `db:"began_at"`  // the first fact of the trouble
	OpenedAt    int64          `db:"opened_at"` // the pass that found it
	LastFoundAt int64          `db:"last_found_at"`
	ClearAt     sql.NullInt64  `db:"clear_at"`    // when it was first not found again; NULL while it is found
	LostAt      sql.NullInt64  `db:"lost_at"`     // when its host crossed the lookback
	ResolvedAt  sql.NullInt64  `db:"resolved_at"` // NULL while it is open
	Resolution  sql.NullString `db:"resolution"`
	ExplainedBy sql.NullInt64  `db:"explained_by"` // the ID of its cause
	SaidAt      sql.NullInt64  `db:"said_at"`      // when it was last said; NULL if never
	RepeatedAt  sql.NullInt64  `db:"repeated_at"`  // when it was last repeated
	Detail      string         `db:"detail"`
	Figure      int64          `db:"figure"` // how bad it is; compares only with that of the same incident
	WorstFigure int64          `db:"worst_figure"`
	WorstDetail string         `db:"worst_detail"`
	Fix         string         `db:"fix"`
	Query       string         `db:"query"` // the detector that found it
	AckedAt     sql.NullInt64  `db:"acked_at"`
	AckedUntil  sql.NullInt64  `db:"acked_until"`
}

// Open reports whether the incident has not ended.
func (i *Incident) Open() bool { return !i.ResolvedAt.Valid }

// AckedAsOf reports whether the incident is acknowledged at a time in microseconds.
func (i *Incident) AckedAsOf(at int64) bool { return i.AckedUntil.Valid && at < i.AckedUntil.Int64 }

// IncidentEvent is what happened to an incident in a pass.
type IncidentEvent struct {
	ID          int64         `db:"id"`
	At          int64         `db:"at"` // microseconds
	IncidentID  int64         `db:"incident_id"`
	Event       string        `db:"event"`
	Symptom     string        `db:"symptom"`
	Said        bool          `db:"said"` // people were told
	Detail      string        `db:"detail"`
	ExplainedBy sql.NullInt64 `db:"explained_by"`
}

// OpenIncidents returns the incidents that have not ended, oldest first. Without INDEXED BY, here
// and below, SQLite prefers the order of the ids, and reads the incidents of two years.
func (tx *Tx) OpenIncidents() (list []Incident, err error) {
	err = tx.Select(&list, "SELECT * FROM incidents INDEXED BY incidents_open WHERE resolved_at IS NULL ORDER BY id")
	return list, err
}

// ResolvedIncidents returns the incidents that ended at since, in microseconds, or later,
// oldest first.
func (tx *Tx) ResolvedIncidents(since int64) (list []Incident, err error) {
	err = tx.Select(&list, "SELECT * FROM incidents INDEXED BY incidents_resolved WHERE resolved_at >= ? ORDER BY id", since)
	return list, err
}

// IncidentFilter selects incidents, or their events.
type IncidentFilter struct {
	Host         string // only those that concern this host, as StoredName writes it; "" for all
	All          bool   // also those that ended after Since
	Since, Until int64  // microseconds
}

const incidentsAsked = `
SELECT *
FROM (
  SELECT *
  FROM incidents
  WHERE resolved_at IS NULL
  UNION ALL
  SELECT *
  FROM incidents
  WHERE resolved_at > ?2
) AS i
WHERE i.opened_at <= ?3
  AND (
    ?1 = ''
    OR i.subject = ?1
    OR EXISTS (SELECT 1 FROM incident_hosts AS h WHERE h.incident_id = i.id AND h.host = ?1)
  )
ORDER BY i.began_at, i.id`

// Incidents returns the incidents that were open at Until, and with All those that ended
// in the window, oldest first.
func (tx *Tx) Incidents(f IncidentFilter) (list []Incident, err error) {
	ended := f.Until
	if f.All {
		ended = min(f.Since, f.Until)
	}
	err = tx.Select(&list, incidentsAsked, f.Host, ended, f.Until)
	return list, err
}

// Incident returns an incident. The error is sql.ErrNoRows if there is none with that ID.
func (tx *Tx) Incident(id int64) (i Incident, err error) {
	err = tx.Get(&i, "SELECT * FROM incidents WHERE id = ?", id)
	return i, err
}

// IncidentHosts returns the hosts that an incident had at a time in microseconds, by name:
// for a host's incident the host itself.
func (tx *Tx) IncidentHosts(i *Incident, at int64) (hosts []string, err error) {
	if i.Subject != SubjectGroup && i.Subject != SubjectReceiver {
		return []string{i.Subject}, nil
	}
	err = tx.Select(&hosts, "SELECT host FROM incident_hosts WHERE incident_id = ? AND joined_at <= ? ORDER BY host", i.ID, at)
	return hosts, err
}

// ExplainedBy returns the incidents that one explains, oldest first.
func (tx *Tx) ExplainedBy(id int64) (list []Incident, err error) {
	err = tx.Select(&list, "SELECT * FROM incidents WHERE explained_by = ? ORDER BY began_at, id", id)
	return list, err
}

// SaveIncident stores an incident, a new one if its ID is 0.
func (tx *Tx) SaveIncident(i *Incident) error {
	if i.ID == 0 {
		return tx.addIncident(i)
	}
	update, err := tx.once(`
		UPDATE incidents
		SET
		  symptom = ?,
		  began_at = ?,
		  last_found_at = ?,
		  clear_at = ?,
		  lost_at = ?,
		  resolved_at = ?,
		  resolution = ?,
		  explained_by = ?,
		  said_at = ?,
		  repeated_at = ?,
		  detail = ?,
		  figure = ?,
		  worst_figure = ?,
		  worst_detail = ?,
		  fix = ?,
		  query = ?,
		  acked_at = ?,
		  acked_until = ?
		WHERE id = ?`)
	if err == nil {
		_, err = update.Exec(i.Symptom, i.BeganAt, i.LastFoundAt, i.ClearAt, i.LostAt, i.ResolvedAt, i.Resolution, i.ExplainedBy, i.SaidAt,
			i.RepeatedAt, i.Detail, i.Figure, i.WorstFigure, i.WorstDetail, i.Fix, i.Query, i.AckedAt, i.AckedUntil, i.ID)
	}
	return err
}

func (tx *Tx) addIncident(i *Incident) error {
	insert, err := tx.once(`
		INSERT INTO incidents
		  (subject, symptom, began_at, opened_at, last_found_at, clear_at, lost_at, resolved_at, resolution, explained_by, said_at,
		   repeated_at, detail, figure, worst_figure, worst_detail, fix, query)
		VALUES
		  (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	result, err := insert.Exec(i.Subject, i.Symptom, i.BeganAt, i.OpenedAt, i.LastFoundAt, i.ClearAt, i.LostAt, i.ResolvedAt, i.Resolution,
		i.ExplainedBy, i.SaidAt, i.RepeatedAt, i.Detail, i.Figure, i.WorstFigure, i.WorstDetail, i.Fix, i.Query)
	if err != nil {
		return err
	}
	i.ID, err = result.LastInsertId()
	return err
}

// JoinIncident adds hosts to an incident. Those that it has stay as they are. now is in
// microseconds.
func (tx *Tx) JoinIncident(id int64, hosts []string, now int64) error {
	add, err := tx.once(`
		INSERT INTO incident_hosts (incident_id, host, joined_at)
		VALUES (?, ?, ?)
		ON CONFLICT (incident_id, host) DO NOTHING`)
	for _, host := range hosts {
		if err == nil {
			_, err = add.Exec(id, host, now)
		}
	}
	return err
}

// AddEvent stores an event.
func (tx *Tx) AddEvent(e IncidentEvent) error {
	insert, err := tx.once(`
		INSERT INTO incident_events (at, incident_id, event, symptom, said, detail, explained_by)
		VALUES (?, ?, ?, ?, ?, ?, ?)`)
	if err == nil {
		_, err = insert.Exec(e.At, e.IncidentID, e.Event, e.Symptom, e.Said, e.Detail, e.ExplainedBy)
	}
	return err
}

// SubjectEvent is an event, and the subject of its incident.
type SubjectEvent struct {
	IncidentEvent
	Subject string `db:"subject"`
}

// eventsOfHost selects events: those of a host's own incidents, and of the incidents that
// it was part of at the time of the event; or all.
const eventsOfHost = `
FROM incident_events AS e
CROSS JOIN incidents AS i ON i.id = e.incident_id
WHERE (
    ?1 = ''
    OR i.subject = ?1
    OR EXISTS (SELECT 1 FROM incident_hosts AS h WHERE h.incident_id = i.id AND h.host = ?1 AND h.joined_at <= e.at)
  )`

const eventsAsked = eventsOfHost + " AND e.at > ?2 AND e.at <= ?3"

const (
	selectEvents      = "SELECT e.*, i.subject" + eventsAsked + " ORDER BY e.at, e.id"
	selectEventsAfter = "SELECT e.*, i.subject" + eventsOfHost + " AND e.id > ?2 ORDER BY e.id"
)

// CountEvents counts the events that a filter selects. It ignores All.
func (tx *Tx) CountEvents(f IncidentFilter) (n int, err error) {
	err = tx.Get(&n, "SELECT COUNT(*)"+eventsAsked, f.Host, f.Since, f.Until)
	return n, err
}

// EachEvent calls each with the events that a filter selects, oldest first. It ignores All.
// They are not held in memory, because there may be years of them.
func (tx *Tx) EachEvent(f IncidentFilter, each func(SubjectEvent) error) error {
	return eachRow(tx, each, selectEvents, f.Host, f.Since, f.Until)
}

// EachEventAfter calls each with the events that were stored after one with an ID, in their
// order. With a host, it leaves out those that do not concern it.
func (tx *Tx) EachEventAfter(id int64, host string, each func(SubjectEvent) error) error {
	return eachRow(tx, each, selectEventsAfter, host, id)
}

// EventBefore returns the ID of the event before the first one after a time in microseconds.
func (tx *Tx) EventBefore(at int64) (id int64, err error) {
	err = tx.Get(&id, `
		SELECT COALESCE(
		  (SELECT MIN(id) - 1 FROM incident_events WHERE at > ?),
		  (SELECT MAX(id) FROM incident_events),
		  0
		)`, at)
	return id, err
}

// LastEvent returns the ID of the newest event, 0 for none.
func (tx *Tx) LastEvent() (id int64, err error) {
	err = tx.Get(&id, "SELECT COALESCE(MAX(id), 0) FROM incident_events")
	return id, err
}

// EventsAfter returns the events that were stored after one with an ID.
func (tx *Tx) EventsAfter(id int64) (list []IncidentEvent, err error) {
	err = tx.Select(&list, "SELECT * FROM incident_events WHERE id > ? ORDER BY id", id)
	return list, err
}

// EventsOf returns the events of an incident, oldest first.
func (tx *Tx) EventsOf(id int64) (list []IncidentEvent, err error) {
	err = tx.Select(&list, "SELECT * FROM incident_events WHERE incident_id = ? ORDER BY id", id)
	return list, err
}

// Threshold returns a parameter of the detectors in the last pass. ok is false if there
// was no pass.
func (tx *Tx) Threshold(name string) (value float64, ok bool, err error) {
	err = tx.Get(&value, "SELECT value FROM thresholds WHERE name = ?", name)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, false, nil
	}
	return value, err == nil, err
}

// SetThreshold stores a parameter of the detectors.
func (tx *Tx) SetThreshold(name string, value any) error {
	set, err := tx.once(`
		INSERT INTO thresholds (name, value)
		VALUES (?, ?)
		ON CONFLICT (name) DO UPDATE SET
		  value = excluded.value
		  WHERE value IS NOT excluded.value`)
	if err == nil {
		_, err = set.Exec(name, value)
	}
	return err
}

// Outages returns the receiver's incidents that were open at some time between from and
// to, in microseconds.
func (tx *Tx) Outages(from, to int64) (list []Incident, err error) {
	err = tx.Select(&list, `
		SELECT *
		FROM incidents INDEXED BY incidents_open
		WHERE resolved_at IS NULL
		  AND subject = ?1
		  AND began_at < ?2
		UNION ALL
		SELECT *
		FROM incidents INDEXED BY incidents_resolved
		WHERE resolved_at > ?3
		  AND subject = ?1
		  AND began_at < ?2
		ORDER BY id`, SubjectReceiver, to, from)
	return list, err
}

// HostsOfTheDay returns the hosts, at most so many, with a fact in the day before a time in microseconds, or
// later, by name. Hosts that never shipped are left out.
func (tx *Tx) HostsOfTheDay(at int64, most int) (hosts []string, err error) {
	err = tx.Select(&hosts, `
		SELECT h.name
		FROM hosts AS h
		WHERE h.last_word_at >= ?
		  AND h.retired_at IS NULL
		  AND h.last_ship_at IS NOT NULL
		  AND h.name <> ?
		ORDER BY h.name
		LIMIT ?`, at-24*Hour, InvalidHost, most)
	return hosts, err
}

// Returned returns the hosts of a group that are well again: since they joined it they have
// shipped, or had a PUT accepted, or they are not expected any more.
func (tx *Tx) Returned(id int64, shipped bool) (hosts []string, err error) {
	column := "last_accepted_at"
	if shipped {
		column = "last_ship_at"
	}
	err = tx.Select(&hosts, `
		SELECT i.host
		FROM incident_hosts AS i
		LEFT JOIN hosts AS h ON h.name = i.host
		WHERE i.incident_id = ?
		  AND (h.id IS NULL OR h.retired_at IS NOT NULL OR h.`+column+` > i.joined_at)`, id)
	return hosts, err
}

// RetiredHosts returns the hosts that are retired.
func (tx *Tx) RetiredHosts() (map[string]bool, error) {
	return tx.hostSet("SELECT name FROM hosts WHERE retired_at IS NOT NULL")
}

// MutedHosts returns the hosts that are muted at a time in microseconds.
func (tx *Tx) MutedHosts(at int64) (map[string]bool, error) {
	return tx.hostSet("SELECT name FROM hosts WHERE muted_until > ?", at)
}

func (tx *Tx) hostSet(query string, args ...any) (map[string]bool, error) {
	var names []string
	if err := tx.Select(&names, query, args...); err != nil {
		return nil, err
	}
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set, nil
}

// LastMessages returns the last message of the receiver about each host whose PUTs it
// rejected after since, in microseconds, by the host's name. The messages are escaped.
func (tx *Tx) LastMessages(since int64) (map[string]string, error) {
	var rows []struct {
		Host string `db:"host"`
		Text string `db:"text"`
	}
	err := tx.Select(&rows, `
		SELECT host, text
		FROM (
		  SELECT
		    h.name AS host,
		    m.text,
		    ROW_NUMBER() OVER (PARTITION BY m.host_id ORDER BY m.last_at DESC, m.id DESC) AS place
		  FROM messages AS m
		  JOIN hosts AS h ON h.id = m.host_id
		  WHERE m.hour >= ? / 3600000000
		)
		WHERE place = 1`, since)
	if err != nil {
		return nil, err
	}
	last := make(map[string]string, len(rows))
	for _, r := range rows {
		last[r.Host] = r.Text
	}
	return last, nil
}

// CommonCommit returns the code commit that some hosts shipped last, "" if they did not all
// ship the same one.
func (tx *Tx) CommonCommit(hosts []string) (commit string, err error) {
	names, err := json.Marshal(hosts)
	if err != nil {
		return "", err
	}
	err = tx.Get(&commit, `
		SELECT COALESCE(IIF(COUNT(*) = 1, MAX(name), ''), '')
		FROM (
		  SELECT DISTINCT c.name
		  FROM hosts AS h
		  JOIN ship_hours AS s ON s.hour = h.last_ship_at / 3600000000 AND s.host_id = h.id
		  JOIN code_commits AS c ON c.id = s.last_commit_id
		  WHERE h.name IN (SELECT value FROM json_each(?))
		)`, string(names))
	return commit, err
}
