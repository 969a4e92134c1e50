package report_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
	"github.com/cis490/fleet-health/store/isotime"
)

// planted returns a line of alerts.jsonl. Each case gives it the key of alert 1. If the
// program trusts the key, alert 1 is never raised.
func planted(host, symptom, detectedAt, key string) string {
	return fmt.Sprintf(`{"host": %q, "symptom": %q, "detail": "", "suggested_fix": "", "detected_at_wall": %q, "dedup_key": %q}`+"\n",
		host, symptom, detectedAt, key)
}

// TestAPlantedLineStopsNoAlert: a line with the key of another host's alert stopped that
// alert, and an alert that was not yet exported never reached the file.
func TestAPlantedLineStopsNoAlert(t *testing.T) {
	t.Parallel()
	const at = "2026-05-01T11:30:00+00:00" // in the hour of alert 1
	key := alert(1).DedupKey
	for _, c := range []struct{ name, line string }{
		{"another host's line", planted("lab-2", "silent", at, key)},
		{"another symptom's line", planted("lab-1", "unstamped", at, key)},
		{"a line of another hour", planted("lab-1", "silent", "2026-05-01T10:59:59.999999+00:00", key)},
		{"a line of that hour in another zone", planted("lab-1", "silent", "2026-05-01T11:30:00+02:00", key)},
		{"a line of no host", planted("", "", "1971-01-01T00:00:00+00:00", key)},
		{"a host and a blank", planted("lab-1 ", "silent", at, key)},
		{"a line for each of 100 hosts", strings.Repeat(planted("x", "silent", at, key), 100)},
		{"a line of nearly 64 KiB", planted(strings.Repeat("x", 60<<10), "silent", at, key)},
		{"a line without its newline", strings.TrimSuffix(planted("x", "silent", at, key), "\n")},
		{"the key in capitals", planted("lab-1", "silent", at, strings.ToUpper(key))},
	} {
		for _, waits := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, waits %v", c.name, waits), func(t *testing.T) {
				t.Parallel()
				f := newAlertsFile(t)
				f.write(c.line)
				if waits {
					f.raise(1)
				}
				if adopted := f.pass(); adopted != 0 {
					t.Errorf("adopted %d", adopted)
				}
				f.raise(1)
				f.pass()
				f.holds(strings.TrimSuffix(c.line, "\n") + "\n" + lines(1))
			})
		}
	}
}

// TestAHostWithABarIsNotStoppedByAnother: host "a" with symptom "b|silent" has the same key
// as host "a|b" with symptom "silent".
func TestAHostWithABarIsNotStoppedByAnother(t *testing.T) {
	t.Parallel()
	f := newAlertsFile(t)
	f.write(planted("a", "b|silent", "2026-05-01T11:30:00+00:00", store.AlertKey("a|b", "silent", now-1)))
	if found, err := report.Reconcile(t.Context(), f.s, f.path, now); err != nil || found != (report.Reconciled{Ignored: 1}) {
		t.Errorf("%+v, %v", found, err)
	}
	f.write(planted("a|b", "silent", "2026-05-01T11:30:00+00:00", store.AlertKey("a|b", "silent", now-1)))
	if found, err := report.Reconcile(t.Context(), f.s, f.path, now); err != nil || found != (report.Reconciled{Adopted: 1}) {
		t.Errorf("its own line: %+v, %v", found, err)
	}
}

// TestALineOfAFutureHourStopsNothing plants lines whose keys fit. One for each future hour
// would stop the alerts of a host for years. A line of the present hour is adopted.
func TestALineOfAFutureHourStopsNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		at   int64
		want report.Reconciled
	}{
		{now + store.Hour - 1, report.Reconciled{Adopted: 1}},
		{now + store.Hour, report.Reconciled{Ignored: 1}},
		{now + 365*24*store.Hour, report.Reconciled{Ignored: 1}},
		{store.MaxTime, report.Reconciled{Ignored: 1}},
	} {
		f := newAlertsFile(t)
		line := planted("lab-05", "silent", isotime.Format(c.at), store.AlertKey("lab-05", "silent", c.at))
		f.write(line)
		for i, want := range []report.Reconciled{c.want, {}} { // reported once only
			if found, err := report.Reconcile(t.Context(), f.s, f.path, now); err != nil || found != want {
				t.Errorf("%s, reading %d: %+v, %v", line, i, found, err)
			}
		}
		f.holds(line)
	}
}

// TestOurOwnLineFromAClockThatWasAhead must be marked, or it would be exported twice.
func TestOurOwnLineFromAClockThatWasAhead(t *testing.T) {
	t.Parallel()
	f := newAlertsFile(t)
	ahead := alert(1)
	ahead.DetectedAt = now + 24*store.Hour
	ahead.DedupKey = store.AlertKey(ahead.Host, ahead.Symptom, ahead.DetectedAt)
	if err := f.s.Update(t.Context(), func(tx *store.Tx) error { _, err := tx.AddAlert(ahead); return err }); err != nil {
		t.Fatal(err)
	}
	f.cutExport(report.AlertJSON(ahead))
	f.pass()
	f.holds(report.AlertJSON(ahead))
}

// TestRewriteKeepsPlantedLines in a second file.
func TestRewriteKeepsPlantedLines(t *testing.T) {
	t.Parallel()
	f := newAlertsFile(t)
	before := lines(2) + planted("x", "silent", "2020-01-01T00:00:00+00:00", alert(1).DedupKey)
	f.write(before)
	n, kept, err := report.Rewrite(t.Context(), f.s, f.path, now)
	if err != nil || n != 1 {
		t.Fatal(n, err)
	}
	f.holds(lines(2))
	if content, err := os.ReadFile(kept); err != nil || string(content) != before {
		t.Errorf("kept: %q, %v", content, err)
	}
	// A file of only such lines is still a file of alerts.
	f.write(planted("x", "silent", "2020-01-01T00:00:00+00:00", alert(1).DedupKey))
	if err := report.HoldsAlerts(f.path); errors.Is(err, report.ErrAlertsPath) {
		t.Error(err)
	}
}
