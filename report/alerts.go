package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/cis490/fleet-health/store"
)

var alertColumns = []column{
	{key: "detected_at", head: "detected"},
	{key: "host", head: "host", cut: 12},
	{key: "symptom", head: "symptom"},
	{key: "detail", head: "detail", cut: 10},
	{key: "suggested_fix"},
	{key: "dedup_key"},
	{key: "exported_at"},
}

// newestAlerts is how many a table shows, which is held in memory, and which
// nobody would read.
const newestAlerts = 1000

// Alerts writes the alerts of a window, oldest first; a table has the newest
// 1,000 of them, and below those of one host what to do about them. As NDJSON they
// are the lines that they have in alerts.jsonl.
func Alerts(tx *store.Tx, out io.Writer, s Style, w Window, f store.AlertFilter) error {
	f.Since, f.Until = w.Since, w.Until
	if s.Format == FormatNDJSON {
		lines := bufio.NewWriter(out)
		err := tx.EachAlert(f, func(a store.Alert) error {
			_, err := lines.WriteString(AlertJSON(a))
			return err
		})
		return errors.Join(err, lines.Flush())
	}
	if s.human() {
		n, err := tx.CountAlerts(f)
		if err != nil {
			return err
		}
		what := fmt.Sprintf("%d alert(s)", n)
		if f.Newest = newestAlerts; n > newestAlerts {
			what = fmt.Sprintf("the newest %d of %s", newestAlerts, what)
		}
		if err := heading(out, s, nil, what, "as of "+s.stamp(w.Until)); err != nil {
			return err
		}
	}
	rows, err := newRows(out, s, alertColumns)
	if err != nil {
		return err
	}
	var todo fixes
	err = tx.EachAlert(f, func(a store.Alert) error {
		todo.add(a.Symptom, a.SuggestedFix)
		return rows.row([]any{instant(a.DetectedAt), a.Host, a.Symptom, a.Detail, a.SuggestedFix, a.DedupKey, timeOf(a.ExportedAt)})
	})
	if err != nil {
		return err
	}
	if err := rows.end(nil); err != nil || f.Host == "" || !s.human() {
		return err
	}
	return todo.write(out, s)
}
