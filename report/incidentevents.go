package report

import (
	"fmt"
	"io"
	"time"

	"github.com/cis490/fleet-health/store"
)

// eventRow is a row of the list of events.
type eventRow struct {
	store.SubjectEvent
	hosts words
}

var eventColumns = []column[eventRow]{
	{key: "at", head: "at", of: func(r eventRow) value { return timestamp(r.At) }},
	{key: "event", head: "event", of: func(r eventRow) value { return r.Event }},
	{key: "id", head: "id", right: true, of: func(r eventRow) value { return r.IncidentID }},
	{key: "subject", head: "subject", cut: 12, of: func(r eventRow) value { return r.Subject }},
	{key: "symptom", head: "symptom", of: func(r eventRow) value { return r.Symptom }},
	{key: "hosts", of: func(r eventRow) value { return r.hosts }},
	{key: "said", head: "said", of: func(r eventRow) value { return r.Said }},
	{key: "detail", head: "detail", cut: 10, of: func(r eventRow) value { return r.Detail }},
	{key: "explained_by", head: "explained by", right: true, drop: 1, of: func(r eventRow) value { return idOf(r.ExplainedBy) }},
}

// IncidentEvents writes the events of a window, oldest first. They are not held in memory:
// there may be years of them.
func IncidentEvents(tx *store.Tx, out io.Writer, s Style, w Window, f IncidentFilter) error {
	asked := store.IncidentFilter{Host: f.Host, Since: w.Since, Until: w.Until}
	d := document{table: eventTable(tx, func(each func(store.SubjectEvent) error) error { return tx.EachEvent(asked, each) })}
	d.above = func() (above, error) {
		n, err := tx.CountEvents(asked)
		return above{heading: []string{fmt.Sprintf("%d event(s)", n), "as of " + s.stamp(w.Until)}}, err
	}
	return render(out, s, d)
}

// eventTable returns the table of some events.
func eventTable(tx *store.Tx, events func(func(store.SubjectEvent) error) error) table {
	return tableOf(eventColumns, func(row func(eventRow) error) error {
		return events(func(e store.SubjectEvent) error {
			hosts, err := tx.IncidentHosts(&store.Incident{ID: e.IncidentID, Subject: e.Subject}, e.At)
			if err != nil {
				return err
			}
			return row(eventRow{e, hosts})
		})
	})
}

// FollowFormats are the formats in which NewEvents can write a listing that has no end.
var FollowFormats = []string{FormatTable, FormatNDJSON}

// NewEvents writes the events that were stored after one with an ID, a line each, in one of
// FollowFormats. With a host, it leaves out those that do not concern it. It returns the ID of
// the newest event that it has considered.
func NewEvents(tx *store.Tx, out io.Writer, s Style, after int64, host string) (last int64, err error) {
	if last, err = tx.LastEvent(); err != nil || last <= after {
		return last, err
	}
	events := func(each func(store.SubjectEvent) error) error { return tx.EachEventAfter(after, host, each) }
	if s.Format == FormatNDJSON {
		return last, render(out, s, document{table: eventTable(tx, events)})
	}
	page := textPage{width: s.Width}
	return last, events(func(e store.SubjectEvent) error {
		_, err := io.WriteString(out, page.line(eventLine(e, s.zone()))+"\n")
		return err
	})
}

// eventLine describes an event in one line for people.
func eventLine(e store.SubjectEvent, zone *time.Location) string {
	line := fmt.Sprintf("%s  %-12s  %4d  %s %s: %s", show(timestamp(e.At), zone), e.Event, e.IncidentID, Cell(e.Subject), Cell(e.Symptom), Cell(e.Detail))
	if e.ExplainedBy.Valid {
		line += fmt.Sprintf(" (explained by %d)", e.ExplainedBy.Int64)
	}
	return line
}
