package detect_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/store"
)

// Find finds a host that has not shipped for 40 minutes, and Raise stores the alert.
func ExampleFind() {
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
	_, err = s.Save(ctx, &store.Batch{Source: index, Now: now,
		Series: []store.Series{{Host: "lab-01"}},
		Ships:  []store.Ship{{ReceivedAt: now - 40*store.Minute, Series: 0, LineHash: 1}}})
	if err != nil {
		log.Fatal(err)
	}
	err = s.Update(ctx, func(tx *store.Tx) error {
		judgments, err := detect.Find(tx, thresholds, detect.Sources{}, now)
		if err != nil {
			return err
		}
		for _, v := range judgments {
			for _, f := range v.Findings {
				fmt.Println(f.Host, "is", v.Symptom)
			}
		}
		alerts, err := detect.Raise(tx, judgments, now, 0)
		fmt.Println(alerts, "new alert(s)")
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	// Output:
	// lab-01 is silent
	// 1 new alert(s)
}
