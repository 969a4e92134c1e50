package ingest_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/cis490/fleet-health/ingest"
	"github.com/cis490/fleet-health/store"
)

// The second pass continues at the cursor that the first one stored.
func ExampleIndex() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	index := filepath.Join(dir, "index.jsonl")
	const row = `{"host_id": "lab-01", "code_commit": "4f1c", "received_at_wall": "2026-05-01T11:59:00+00:00"}` + "\n"
	if err := os.WriteFile(index, []byte(row+"no row\n"), 0o600); err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	s, err := store.Open(ctx, filepath.Join(dir, "fleet.db"), store.Options{Now: now})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	for range 2 {
		result, err := ingest.Index(ctx, s, ingest.IndexOptions{Path: index, Now: now})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(result.Read, "line(s),", result.Saved.Ships, "ship(s),", result.Quarantined, "quarantined")
	}
	// Output:
	// 2 line(s), 1 ship(s), 1 quarantined
	// 0 line(s), 0 ship(s), 0 quarantined
}
