package report

import (
	"database/sql"
	"fmt"
	"io"
	"slices"

	"github.com/cis490/fleet-health/store"
)

// IncidentFilter selects incidents.
type IncidentFilter struct {
	Host string // only incidents that concern this host, as StoredName writes it; "" for all
	All  bool   // ended ones as well
}

// incidentRow is a row of the list of incidents.
type incidentRow struct {
	store.Incident
	state string
}

var incidentColumns = []column[incidentRow]{
	{key: "id", head: "id", right: true, of: func(r incidentRow) value { return r.ID }},
	{key: "began_at", head: "since", of: func(r incidentRow) value { return minute(r.BeganAt) }},
	{key: "lasts_seconds", head: "lasts", right: true, of: func(r incidentRow) value { return seconds((r.LastFoundAt - r.BeganAt) / store.Second) }},
	{key: "subject", head: "subject", cut: 12, of: func(r incidentRow) value { return r.Subject }},
	{key: "symptom", head: "symptom", of: func(r incidentRow) value { return r.Symptom }},
	{key: "state", head: "state", drop: 2, of: func(r incidentRow) value { return r.state }},
	{key: "explained_by", head: "explained by", right: true, drop: 1, of: func(r incidentRow) value { return idOf(r.ExplainedBy) }},
	{key: "detail", head: "detail", cut: 10, of: func(r incidentRow) value { return r.Detail }},
	{key: "opened_at", of: func(r incidentRow) value { return timestamp(r.OpenedAt) }},
	{key: "last_found_at", of: func(r incidentRow) value { return timestamp(r.LastFoundAt) }},
	{key: "resolved_at", of: func(r incidentRow) value { return timeOf(r.ResolvedAt) }},
	{key: "resolution", of: func(r incidentRow) value { return textOf(r.Resolution) }},
	{key: "worst_detail", of: func(r incidentRow) value { return r.WorstDetail }},
	{key: "suggested_fix", of: func(r incidentRow) value { return r.Fix }},
}

func idOf(id sql.NullInt64) value {
	if !id.Valid {
		return nil
	}
	return id.Int64
}

func textOf(text sql.NullString) value {
	if !text.Valid {
		return nil
	}
	return text.String
}

// incidentState returns the state of an incident in one word.
func incidentState(i *store.Incident, now int64) string {
	switch {
	case i.Resolution.Valid:
		return i.Resolution.String
	case i.LostAt.Valid:
		return "lost"
	case i.AckedAsOf(now):
		return "acknowledged"
	case i.ClearAt.Valid:
		return "recovering"
	}
	return "open"
}

// Incidents writes the incidents that a filter selects, oldest first: the open ones, or with
// All those of a window.
func Incidents(tx *store.Tx, out io.Writer, s Style, w Window, f IncidentFilter) error {
	list, err := tx.Incidents(store.IncidentFilter{Host: f.Host, All: f.All, Since: w.Since, Until: w.Until})
	if err != nil {
		return err
	}
	var todo fixes
	rows := make([]incidentRow, len(list))
	open := 0
	for n, i := range list {
		rows[n] = incidentRow{i, incidentState(&i, w.Until)}
		if i.Open() {
			open++
			if !i.ExplainedBy.Valid {
				todo.add(i.Symptom, i.Fix)
			}
		}
	}
	d := document{table: tableOfAll(incidentColumns, rows)}
	d.above = func() (above, error) {
		what := fmt.Sprintf("%d open incident(s)", open)
		if f.All {
			what = fmt.Sprintf("%d incident(s), %d of them open", len(rows), open)
		}
		return above{heading: []string{what, "as of " + s.stamp(w.Until)}}, nil
	}
	d.below = func(p page) (string, error) { return todo.below(p), nil }
	return render(out, s, d)
}

// eventRow is a row of the list of events.
type eventRow struct {
	store.IncidentEvent
	subject string
	hosts   []string
}

var eventColumns = []column[eventRow]{
	{key: "at", head: "at", of: func(r eventRow) value { return timestamp(r.At) }},
	{key: "event", head: "event", of: func(r eventRow) value { return r.Event }},
	{key: "id", head: "id", right: true, of: func(r eventRow) value { return r.IncidentID }},
	{key: "subject", head: "subject", cut: 12, of: func(r eventRow) value { return r.subject }},
	{key: "symptom", head: "symptom", of: func(r eventRow) value { return r.Symptom }},
	{key: "hosts", of: func(r eventRow) value { return words(r.hosts) }},
	{key: "said", head: "said", of: func(r eventRow) value { return r.Said }},
	{key: "detail", head: "detail", cut: 10, of: func(r eventRow) value { return r.Detail }},
	{key: "explained_by", head: "explained by", right: true, drop: 1, of: func(r eventRow) value { return idOf(r.ExplainedBy) }},
}

// IncidentEvents writes the events of a window, oldest first.
func IncidentEvents(tx *store.Tx, out io.Writer, s Style, w Window, f IncidentFilter) error {
	var rows []eventRow
	incidents := map[int64]store.Incident{}
	err := tx.EachEvent(w.Since, w.Until, func(e store.IncidentEvent) error {
		i, ok := incidents[e.IncidentID]
		if !ok {
			var err error
			if i, err = tx.Incident(e.IncidentID); err != nil {
				return err
			}
			incidents[e.IncidentID] = i
		}
		hosts, err := tx.IncidentHosts(&i, e.At)
		if err != nil || f.Host != "" && !slices.Contains(hosts, f.Host) {
			return err
		}
		rows = append(rows, eventRow{e, i.Subject, hosts})
		return nil
	})
	if err != nil {
		return err
	}
	d := document{table: tableOfAll(eventColumns, rows)}
	d.above = func() (above, error) {
		return above{heading: []string{fmt.Sprintf("%d event(s)", len(rows)), "as of " + s.stamp(w.Until)}}, nil
	}
	return render(out, s, d)
}
