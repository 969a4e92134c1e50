package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/cis490/fleet-health/store"
)

var alertColumns = []column{
	{key: "detected_at", head: "detected"},
	{key: "host", head: "host", cut: 12},
	{key: "symptom", head: "symptom"},
	{key: "detail", head: "detail", cut: 20},
	{key: "suggested_fix"},
	{key: "dedup_key"},
	{key: "exported_at"},
}

// Alerts writes the alerts of a window, oldest first. As NDJSON they are the
// lines that they have in alerts.jsonl.
func Alerts(tx *store.Tx, out io.Writer, s Style, w Window, f store.AlertFilter) error {
	f.Since, f.Until = w.Since, w.Until
	alerts, err := tx.Alerts(f)
	if err != nil {
		return err
	}
	if s.Format == FormatNDJSON {
		var lines strings.Builder
		for _, a := range alerts {
			lines.WriteString(AlertJSON(a))
		}
		_, err := io.WriteString(out, lines.String())
		return err
	}
	if s.human() {
		if err := heading(out, s, nil, fmt.Sprintf("%d alert(s)", len(alerts)), "as of "+s.stamp(w.Until)); err != nil {
			return err
		}
	}
	rows := make([][]any, 0, len(alerts))
	for _, a := range alerts {
		rows = append(rows, []any{instant(a.DetectedAt), a.Host, a.Symptom, a.Detail, a.SuggestedFix, a.DedupKey, timeOf(a.ExportedAt)})
	}
	return list(out, s, alertColumns, rows, nil)
}
