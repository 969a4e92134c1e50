package report

import (
	"database/sql"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/cis490/fleet-health/store"
)

// The queries of an incident's story. Each returns one kind of fact.
var (
	//go:embed incidentputs.sql
	incidentPutsSQL string
	//go:embed incidentships.sql
	incidentShipsSQL string
	//go:embed incidentcommits.sql
	incidentCommitsSQL string
	//go:embed incidentevidence.sql
	incidentEvidenceSQL string
	//go:embed incidentalerts.sql
	incidentAlertsSQL string
	//go:embed incidentacts.sql
	incidentActsSQL string
)

// ErrUnknownIncident means that the database has no incident with that id.
var ErrUnknownIncident = errors.New("no such incident")

// story is what is known about an incident.
type story struct {
	store.Incident
	window   Window // of the trouble: from its beginning to its end, or to the last pass
	state    string
	hosts    words
	cause    *store.Incident  // the one that explains it; nil for none
	explains []store.Incident // oldest first

	puts, failures, ships spark
	statuses              counts
	commits               []storyCommit
	evidence, alerts      []storyFact // oldest first
	acts                  []storyFact
	events                []store.IncidentEvent
	said                  []store.ReceiverWord // the receiver's errors, the most frequent first
	unit                  string               // the state of the receiver's unit at the end; "" if it is not known
	unitSince             int64                // microseconds
	query                 string               // the SQL that found it, with its parameters; "" for none
}

// storyFact is a fact about a host in a story.
type storyFact struct {
	At     int64  `db:"at"` // microseconds
	Host   string `db:"host"`
	Fact   string `db:"fact"`
	Detail string `db:"detail"`
}

// storyCommit is a change of a host's code commit in an hour.
type storyCommit struct {
	At     int64  `db:"at"` // the start of the hour, in microseconds
	Host   string `db:"host"`
	Before string `db:"commit_before"`
	Commit string `db:"code_commit"`
}

// readStory collects what is known about an incident at a time in microseconds. queryText
// returns the SQL of a detector.
func readStory(tx *store.Tx, id, now int64, queryText func(name string) (string, error)) (*story, error) {
	one, err := tx.Incident(id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%w: %d", ErrUnknownIncident, id)
	}
	if err != nil {
		return nil, err
	}
	t := &story{Incident: one, state: incidentState(&one, now)}
	asOf, err := judgedUntil(tx, now)
	if err != nil {
		return nil, err
	}
	t.window = Window{Since: t.BeganAt - 1, Until: max(t.LastFoundAt, asOf)}
	if t.ResolvedAt.Valid {
		t.window.Until = t.ResolvedAt.Int64
	}
	t.window.Until = max(t.window.Until, t.BeganAt)
	for _, read := range []func(*store.Tx) error{t.readRelated, t.readFigures, t.readReceiver, t.readFacts} {
		if err := read(tx); err != nil {
			return nil, err
		}
	}
	t.query, err = t.pasted(tx, queryText)
	return t, err
}

// readRelated reads the hosts, the events, and the incidents that explain one another.
func (t *story) readRelated(tx *store.Tx) (err error) {
	if t.hosts, err = tx.IncidentHosts(&t.Incident, t.window.Until); err != nil {
		return err
	}
	if t.events, err = tx.EventsOf(t.ID); err != nil {
		return err
	}
	if t.ExplainedBy.Valid {
		cause, err := tx.Incident(t.ExplainedBy.Int64)
		if err != nil {
			return err
		}
		t.cause = &cause
	}
	t.explains, err = tx.ExplainedBy(t.ID)
	return err
}

// readReceiver reads what the receiver said meanwhile. To a host that got no 5xx its errors say
// nothing.
func (t *story) readReceiver(tx *store.Tx) (err error) {
	if t.Subject != store.SubjectReceiver && t.statuses.class(5) == 0 {
		return nil
	}
	if t.said, err = tx.ReceiverSaid(t.BeganAt, t.window.Until+1); err != nil {
		return err
	}
	t.unit, t.unitSince, err = tx.UnitState(t.window.Until)
	return err
}

// params returns the parameters of the queries.
func (t *story) params(tx *store.Tx) (map[string]any, error) {
	horizon, err := tx.RawSince()
	if err != nil {
		return nil, err
	}
	params := t.window.params(horizon)
	names, _ := json.Marshal(append([]string{}, t.hosts...)) // strings cannot fail
	var ids []int64
	find := "SELECT id FROM hosts WHERE name IN (SELECT value FROM json_each(:names))"
	if t.Subject == store.SubjectReceiver && len(t.hosts) == 0 {
		find = "SELECT id FROM hosts WHERE :names <> ''" // a source concerns all of them
	}
	if err := tx.SelectNamed(&ids, find, map[string]any{"names": string(names)}); err != nil {
		return nil, err
	}
	hosts, _ := json.Marshal(append([]int64{}, ids...)) // integers cannot fail
	params["names"], params["hosts"], params["id"] = string(names), string(hosts), t.ID
	params["from_at"] = t.window.Since + 1
	return params, nil
}

// readFigures counts the PUTs and ships of the hosts over time.
func (t *story) readFigures(tx *store.Tx) error {
	params, err := t.params(tx)
	if err != nil {
		return err
	}
	bars := t.window.bars()
	t.puts, t.failures, t.ships, t.statuses = make(spark, bars.n), make(spark, bars.n), make(spark, bars.n), counts{}
	err = eachCount(tx, incidentPutsSQL, params, func(c factCount) {
		t.puts[bars.of(c.of)] += c.n
		t.statuses[int(c.kind)] += c.n
		if c.kind >= 400 {
			t.failures[bars.of(c.of)] += c.n
		}
	})
	if err != nil {
		return err
	}
	return eachCount(tx, incidentShipsSQL, params, func(c factCount) { t.ships[bars.of(c.of)] += c.n })
}

// readFacts reads the last facts, the alerts, the commits and the operators' acts.
func (t *story) readFacts(tx *store.Tx) error {
	params, err := t.params(tx)
	if err != nil {
		return err
	}
	params["from_hour"], params["to_hour"] = t.BeganAt/store.Hour, t.window.Until/store.Hour
	for _, q := range []struct {
		query string
		rows  any
	}{{incidentEvidenceSQL, &t.evidence}, {incidentAlertsSQL, &t.alerts}, {incidentActsSQL, &t.acts}, {incidentCommitsSQL, &t.commits}} {
		if err := tx.SelectNamed(q.rows, q.query, params); err != nil {
			return err
		}
	}
	slices.Reverse(t.evidence)
	slices.Reverse(t.alerts)
	slices.Reverse(t.commits)
	return nil
}
