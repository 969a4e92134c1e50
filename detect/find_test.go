package detect_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cis490/fleet-health/detect"
	"github.com/cis490/fleet-health/store"
)

// TestMoreFindingsThanAreKept shows that findings become alerts too for which a pass has no
// room. Of names of 255 bytes, 10,000 took 5 MiB in each list that a pass makes of them.
func TestMoreFindingsThanAreKept(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ digits, hosts, kept int }{
		{5, detect.MaxFindings + 5, detect.MaxFindings},
		{251, 5000, (1 << 20) / 255},
	} {
		f := newFleet(t)
		for i := range c.hosts {
			f.ship(fmt.Sprintf("lab-%0*d", c.digits, i), now-40*store.Minute)
		}
		found := f.detect(bothRead, now)
		if len(found) != c.hosts || !slices.IsSorted(found) || slices.Contains(found[1:], found[0]) {
			t.Errorf("there are %d alerts, from %q on, want %d, one of each host", len(found), found[0], c.hosts)
		}
		err := f.s.View(t.Context(), func(tx *store.Tx) error {
			judgments, err := detect.Find(tx, thresholds, bothRead, now)
			if err == nil && len(judgments[0].Findings) != c.kept {
				t.Errorf("%d findings are kept, want %d", len(judgments[0].Findings), c.kept)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestALargeFleetIsLearntByAndBy: its first pass learnt all rhythms, which took seconds.
func TestALargeFleetIsLearntByAndBy(t *testing.T) {
	t.Parallel()
	const hosts, days = 600, 4
	f := newFleet(t)
	at := now - days*24*store.Hour
	for range days {
		for i := range hosts {
			f.ship(fmt.Sprintf("lab-%03d", i), at)
		}
		at += 24 * store.Hour
	}
	f.b.Now = now
	f.save()
	learnt := func(at, previous int64) (n int) {
		t.Helper()
		err := f.s.Update(t.Context(), func(tx *store.Tx) error {
			if err := detect.Learn(tx, at, previous); err != nil {
				return err
			}
			return tx.Get(&n, "SELECT COUNT(*) FROM rhythms WHERE learnt_at = ? AND days = ?", at, days)
		})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	at = now
	var got []int
	for range 4 {
		got = append(got, learnt(at, at-1))
		at += 1000
	}
	if want := []int{250, 250, 100, 0}; !slices.Equal(got, want) {
		t.Errorf("passes learnt %v hosts, want %v", got, want)
	}
	// A day without a pass: all have missed their turn, and their ids do not grow from first to last.
	at += 25 * store.Hour
	got = nil
	for range 4 {
		got = append(got, learnt(at, at-store.Hour))
		at += store.Hour
	}
	if sum := got[0] + got[1] + got[2]; got[0] != 250 || got[1] != 250 || sum < hosts {
		t.Errorf("after a day, passes of different hours learnt %v of %d hosts", got, hosts)
	}
}
