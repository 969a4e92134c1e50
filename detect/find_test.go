package detect_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/store"
)

// TestMoreFindingsThanAreKept shows that findings beyond MaxFindings become alerts too.
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
		judgments, err := detect.Find(tx, thresholds, bothRead, now)
		if err == nil && len(judgments[0].Findings) != detect.MaxFindings {
			t.Errorf("%d findings are kept, want %d", len(judgments[0].Findings), detect.MaxFindings)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
