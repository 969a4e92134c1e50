package detect_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/store"
)

// TestMoreFindingsThanAreKept: each is an alert, though not all of them are kept in
// memory.
func TestMoreFindingsThanAreKept(t *testing.T) {
	t.Parallel()
	const hosts = detect.MaxFindings + 5
	f := newFleet(t)
	for i := range hosts {
		f.ship(fmt.Sprintf("lab-%05d", i), now-40*store.Minute)
	}
	found := f.detect(bothRead, now)
	if len(found) != hosts || !slices.IsSorted(found) || slices.Contains(found[1:], found[0]) {
		t.Errorf("there are %d alerts, from %q on, want %d, one of each host", len(found), found[0], hosts)
	}
	err := f.s.View(t.Context(), func(tx *store.Tx) error {
		verdicts, err := detect.Find(tx, thresholds, bothRead, now)
		if err == nil && len(verdicts[0].Findings) != detect.MaxFindings {
			t.Errorf("%d findings are kept, want %d", len(verdicts[0].Findings), detect.MaxFindings)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
