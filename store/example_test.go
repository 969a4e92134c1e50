package store_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/cis490/fleet-health/store"
)

// Save a batch of facts, store an alert about them, and read both back.
func ExampleOpen() {
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
	index, err := s.Source(ctx, store.StreamIndex)
	if err != nil {
		log.Fatal(err)
	}
	saved, err := s.Save(ctx, &store.Batch{Source: index, Now: now,
		Series: []store.Series{{Host: "lab-01", Commit: "4f1c"}},
		Ships:  []store.Ship{{ReceivedAt: now - 40*store.Minute, LineHash: 1}}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(saved.Ships, "new ship(s)")
	err = s.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.AddAlert(store.Alert{DedupKey: "k", Host: "lab-01", Symptom: "silent", DetectedAt: now, LastFoundAt: now})
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	err = s.View(ctx, func(tx *store.Tx) error {
		return tx.EachAlert(store.AlertFilter{Until: now}, func(a store.Alert) error {
			fmt.Println(a.Host, "is", a.Symptom)
			return nil
		})
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// 1 new ship(s)
	// lab-01 is silent
}
