package report_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
)

// TestATableOfAlertsHasTheNewest: a table held years of alerts in memory. Formats for
// programs still have all alerts.
func TestATableOfAlertsHasTheNewest(t *testing.T) {
	t.Parallel()
	const n = 1005
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "fleet.db"), store.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	err = s.Update(t.Context(), func(tx *store.Tx) error {
		for i := range n {
			_, err := tx.AddAlert(store.Alert{DedupKey: fmt.Sprint(i), Host: fmt.Sprintf("lab-%d", i), Symptom: "silent", DetectedAt: now + int64(i%7)})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for format, lines := range map[string]int{report.FormatTable: 1003, report.FormatMarkdown: 1004, report.FormatCSV: n + 1, report.FormatNDJSON: n, report.FormatJSON: n + 2} {
		var out bytes.Buffer
		err := s.View(t.Context(), func(tx *store.Tx) error {
			return report.Alerts(tx, &out, report.Style{Format: format}, report.Window{Until: now + 10}, store.AlertFilter{})
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(out.String(), "\n"); got != lines {
			t.Errorf("%s has %d lines, want %d", format, got, lines)
		}
		// Alerts of the earliest time stand in the order in which they were raised.
		has := strings.Contains(out.String(), "lab-0 ") || strings.Contains(out.String(), "lab-0,") || strings.Contains(out.String(), `"lab-0"`)
		if people := lines < n; has == people {
			t.Errorf("%s has the oldest alert: %v", format, has)
		}
		if lines == 1003 && !strings.HasPrefix(out.String(), "the newest 1000 of 1005 alert(s), as of ") {
			t.Errorf("it begins with %.60q", out.String())
		}
	}
}
