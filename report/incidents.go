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
	hosts words
	under bool // the row above explains it
}

var incidentColumns = []column[incidentRow]{
	{key: "id", head: "id", right: true, of: func(r incidentRow) value { return r.ID }},
	{key: "began_at", head: "since", of: func(r incidentRow) value { return minute(r.BeganAt) }},
	{key: "lasts_seconds", head: "lasts", right: true, of: func(r incidentRow) value { return lasts(&r.Incident) }},
	{key: "subject", of: func(r incidentRow) value { return r.Subject }},
	{head: "subject", cut: 12, of: incidentRow.subject},
	{key: "symptom", head: "symptom", of: func(r incidentRow) value { return r.Symptom }},
	{key: "state", head: "state", drop: 2, of: func(r incidentRow) value { return r.state }},
	{key: "explained_by", head: "explained by", right: true, drop: 1, of: func(r incidentRow) value { return idOf(r.ExplainedBy) }},
	{key: "detail", head: "detail", cut: 10, of: func(r incidentRow) value { return r.Detail }},
	{key: "hosts", of: func(r incidentRow) value { return r.hosts }},
	{key: "opened_at", of: func(r incidentRow) value { return timestamp(r.OpenedAt) }},
	{key: "last_found_at", of: func(r incidentRow) value { return timestamp(r.LastFoundAt) }},
	{key: "resolved_at", of: func(r incidentRow) value { return timeOf(r.ResolvedAt) }},
	{key: "resolution", of: func(r incidentRow) value { return textOf(r.Resolution) }},
	{key: "worst_detail", of: func(r incidentRow) value { return r.WorstDetail }},
	{key: "suggested_fix", of: func(r incidentRow) value { return r.Fix }},
}

func (r incidentRow) subject() value {
	if r.under {
		return below(r.Subject)
	}
	return r.Subject
}

// lasts returns how long the trouble of an incident was found.
func lasts(i *store.Incident) seconds {
	return seconds(max(i.LastFoundAt-i.BeganAt, 0) / store.Second)
}

// incidentColumnsOf returns the columns for some rows. If all incidents are open and no
// more, people need no column that says so.
func incidentColumnsOf(rows []incidentRow) []column[incidentRow] {
	columns := slices.Clone(incidentColumns)
	if !slices.ContainsFunc(rows, func(r incidentRow) bool { return r.state != incidentOpen }) {
		i := slices.IndexFunc(columns, func(c column[incidentRow]) bool { return c.key == "state" })
		columns[i].head = ""
	}
	return columns
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

// States of an incident, besides its resolution.
const (
	incidentOpen         = "open"
	incidentLost         = "lost"
	incidentAcknowledged = "acknowledged"
	incidentRecovering   = "recovering"
)

// incidentState returns the state of an incident in one word, at a time in microseconds.
func incidentState(i *store.Incident, at int64) string {
	switch {
	case i.Resolution.Valid && i.ResolvedAt.Int64 <= at:
		return i.Resolution.String
	case i.ClearAt.Valid && i.ClearAt.Int64 <= at:
		return incidentRecovering
	case i.AckedAsOf(at):
		return incidentAcknowledged
	case i.LostAt.Valid && i.LostAt.Int64 <= at:
		return incidentLost
	}
	return incidentOpen
}

// Incidents writes the incidents that a filter selects: those that are open at the end of a
// window, or with All also those that ended in it. Open ones come first, and each is followed
// by those that it explains.
func Incidents(tx *store.Tx, out io.Writer, s Style, w Window, f IncidentFilter) error {
	list, err := tx.Incidents(store.IncidentFilter{Host: f.Host, All: f.All, Since: w.Since, Until: w.Until})
	if err != nil {
		return err
	}
	rows := make([]incidentRow, len(list))
	open := 0
	for n, i := range list {
		if err := rewind(tx, &i, w.Until); err != nil {
			return err
		}
		rows[n] = incidentRow{Incident: i, state: incidentState(&i, w.Until)}
		if !s.forPeople() {
			if rows[n].hosts, err = tx.IncidentHosts(&i, w.Until); err != nil {
				return err
			}
		}
		if i.ResolvedAt.Valid && i.ResolvedAt.Int64 <= w.Until {
			continue
		}
		open++
	}
	rows = byCause(rows, w.Until)
	d := document{table: tableOfAll(incidentColumnsOf(rows), rows)}
	d.above = func() (above, error) {
		asOf, err := judgedUntil(tx, w.Until)
		what := fmt.Sprintf("%d open incident(s)", open)
		if f.All {
			what = fmt.Sprintf("%d incident(s), %d of them open", len(rows), open)
		}
		return above{heading: []string{what, "as of " + s.stamp(asOf)}}, err
	}
	todo := whatToDo(rows, w.Until)
	d.below = func(p page) (string, error) { return todo.below(p), nil }
	return render(out, s, d)
}

// rewind makes an incident what it was at a time in microseconds, as far as its events tell. Its
// figures at their worst are not in them.
func rewind(tx *store.Tx, i *store.Incident, at int64) error {
	for _, later := range []*sql.NullInt64{&i.ResolvedAt, &i.ClearAt, &i.LostAt, &i.AckedAt} {
		if later.Int64 > at || later.Int64 < i.OpenedAt { // or the clock went back after it was opened
			*later = sql.NullInt64{}
		}
	}
	if !i.ResolvedAt.Valid {
		i.Resolution = sql.NullString{}
	}
	if !i.AckedAt.Valid {
		i.AckedUntil = sql.NullInt64{}
	}
	if i.LastFoundAt <= at {
		return nil
	}
	i.LastFoundAt, i.SaidAt, i.RepeatedAt = at, sql.NullInt64{}, sql.NullInt64{}
	events, err := tx.EventsOf(i.ID)
	for _, e := range events {
		if e.At > at {
			break
		}
		i.Symptom, i.ExplainedBy = e.Symptom, e.ExplainedBy
		if e.Said {
			i.SaidAt = sql.NullInt64{Int64: e.At, Valid: true}
		} else if e.Event == store.EventRepeated {
			i.RepeatedAt = sql.NullInt64{Int64: e.At, Valid: true}
		}
		if e.Event != store.EventAcknowledged {
			i.Detail, i.WorstDetail = e.Detail, e.Detail
		}
	}
	return err
}

// whatToDo returns the fixes of the first incidents of which people are told.
func whatToDo(rows []incidentRow, at int64) (todo fixes) {
	for _, r := range rows {
		ended := r.ResolvedAt.Valid && r.ResolvedAt.Int64 <= at
		if !ended && !r.under && r.state != incidentAcknowledged && len(todo.symptoms) < maxSaid {
			todo.add(fmt.Sprintf("%d, %s %s", r.ID, r.Subject, r.Symptom), r.Fix)
		}
	}
	return todo
}

// judgedUntil returns the time of the last pass that judged at a time in microseconds or
// before, or the time itself if that is not known.
func judgedUntil(tx *store.Tx, until int64) (int64, error) {
	looks, err := looksAt(tx, until)
	return judgedAt(until, 0, looks, nil).asOf, err
}

// byCause orders incidents: those that are open at a time in microseconds first, of them
// those of the receiver and of groups, and each followed by those that it explains.
func byCause(rows []incidentRow, at int64) (ordered []incidentRow) {
	listed, of := map[int64]bool{}, map[int64][]incidentRow{}
	for _, r := range rows {
		listed[r.ID] = true
	}
	var first, last []incidentRow
	for _, r := range rows {
		switch {
		case r.ExplainedBy.Valid && listed[r.ExplainedBy.Int64] && r.ExplainedBy.Int64 != r.ID:
			r.under = true
			of[r.ExplainedBy.Int64] = append(of[r.ExplainedBy.Int64], r)
		case r.ResolvedAt.Valid && r.ResolvedAt.Int64 <= at:
			last = append(last, r)
		default:
			first = append(first, r)
		}
	}
	slices.SortStableFunc(first, func(a, b incidentRow) int { return rankOf(a.Subject) - rankOf(b.Subject) })
	var add func(r incidentRow)
	add = func(r incidentRow) {
		ordered = append(ordered, r)
		for _, u := range of[r.ID] {
			add(u)
		}
	}
	for _, r := range append(first, last...) {
		add(r)
	}
	return ordered
}
