package report

import (
	"fmt"
	"io"

	"github.com/cis490/fleet-health/store"
)

var alertColumns = []column[store.Alert]{
	{key: "detected_at", head: "detected", of: func(a store.Alert) value { return timestamp(a.DetectedAt) }},
	{key: "host", head: "host", cut: 12, of: func(a store.Alert) value { return a.Host }},
	{key: "symptom", head: "symptom", of: func(a store.Alert) value { return a.Symptom }},
	{key: "detail", head: "detail", cut: 8, of: func(a store.Alert) value { return a.Detail }},
	{key: "suggested_fix", of: func(a store.Alert) value { return a.SuggestedFix }},
	{key: "dedup_key", of: func(a store.Alert) value { return a.DedupKey }},
	{key: "exported_at", of: func(a store.Alert) value { return timeOf(a.ExportedAt) }},
}

// newestAlerts limits the alerts in a table: nobody reads more, and a table is held in
// memory.
const newestAlerts = 1000

// Alerts writes the alerts of a window, oldest first. A table has only the newest 1,000.
// If the filter names a host, people also read what to do. NDJSON has the lines of
// alerts.jsonl.
func Alerts(tx *store.Tx, out io.Writer, s Style, w Window, f store.AlertFilter) error {
	f.Since, f.Until = w.Since, w.Until
	var todo fixes
	d := document{table: tableOf(alertColumns, func(row func(store.Alert) error) error {
		return tx.EachAlert(f, func(a store.Alert) error {
			todo.add(a.Symptom, a.SuggestedFix)
			return row(a)
		})
	})}
	d.above = func() (above, error) {
		n, err := tx.CountAlerts(f)
		what := fmt.Sprintf("%d alert(s)", n)
		if f.Newest = newestAlerts; n > newestAlerts {
			what = fmt.Sprintf("the newest %d of %s", newestAlerts, what)
		}
		return above{heading: []string{what, "as of " + s.stamp(w.Until)}}, err
	}
	if f.Host != "" {
		d.below = func(p page) (string, error) { return todo.below(p), nil }
	}
	d.lines = func(line func(string) error) error {
		return tx.EachAlert(f, func(a store.Alert) error { return line(AlertJSON(a)) })
	}
	return render(out, s, d)
}
