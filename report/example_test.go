package report_test

import (
	"context"
	"log"
	"os"
	"path/filepath"

	"github.com/cis490/fleet-health/report"
	"github.com/cis490/fleet-health/store"
)

// The alerts of the last hour, as a table.
func ExampleAlerts() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()
	s, err := store.Open(ctx, filepath.Join(dir, "fleet.db"), store.Options{Now: now})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	err = s.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.AddAlert(store.Alert{DedupKey: "4f1c", Host: "lab-01", Symptom: "silent", Detail: "nothing accepted for 40 min",
			DetectedAt: now - store.Minute, LastFoundAt: now})
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	err = s.View(ctx, func(tx *store.Tx) error {
		lastHour := report.Window{Since: now - store.Hour, Until: now}
		return report.Alerts(tx, os.Stdout, report.Style{}, lastHour, store.AlertFilter{})
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// 1 alert(s), as of 2026-05-01 12:00:00 UTC
	//
	// detected             host    symptom  detail
	// 2026-05-01 11:59:00  lab-01  silent   nothing accepted for 40 min
}
