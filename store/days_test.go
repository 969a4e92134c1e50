package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/cis490/fleet-health/store"
	gocmp "github.com/google/go-cmp/cmp"
)

// mustFinishDays finishes the days before that of a time, and checks that no other is left
// open and that the rollups of days equal their hours.
func mustFinishDays(t *testing.T, s *store.Store, at int64) {
	t.Helper()
	if err := s.FinishDays(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	if open := mustSelect[int64](t, s, "SELECT day FROM open_days WHERE day < ?", at/day); len(open) > 0 {
		t.Errorf("days that are over are open: %d", open)
	}
	if amiss := mustSelect[string](t, s, daysAmiss); len(amiss) > 0 {
		t.Errorf("days that are not their hours: %q", amiss)
	}
}

// daysOf returns all rows of the rollups of days.
func daysOf(t *testing.T, s *store.Store) []string {
	t.Helper()
	return mustSelect[string](t, s, `
		SELECT 'ships ' || day || ': ' || ships FROM ship_days
		UNION ALL
		SELECT 'puts ' || day || ' ' || status || ': ' || puts FROM put_days
		UNION ALL
		SELECT 'rejections ' || day || ' ' || reason || ': ' || rejections FROM rejection_days
		ORDER BY 1`)
}

// aDay makes a batch with a ship, a PUT and a rejection at each of some times.
func aDay(source int64, times ...int64) *store.Batch {
	b := &store.Batch{Source: source, Now: now, Hosts: []string{"a"}, Series: []store.Series{{Host: "a"}}}
	for _, at := range times {
		b.Ships = append(b.Ships, store.Ship{ReceivedAt: at, LineHash: uint64(at)})
		b.Puts = append(b.Puts, store.Put{At: at, CursorHash: uint64(at), Status: 200})
		b.Rejections = append(b.Rejections, store.Rejection{At: at, CursorHash: uint64(at), Reason: store.ReasonOther})
	}
	return b
}

// TestADayIsFinishedOnce: the rollup of the current day was written again with every batch.
// It is written when the day is over, and again only if a new fact of the day comes late.
func TestADayIsFinishedOnce(t *testing.T) {
	t.Parallel()
	s, path := mustOpen(t)
	source := mustSource(t, s, store.StreamIndex)
	mustSave(t, s, aDay(source, 1, 2, day-1, day))
	mustFinishDays(t, s, day-1)
	if days := daysOf(t, s); len(days) > 0 {
		t.Errorf("a day that is not over has rollups: %q", days)
	}
	mustFinishDays(t, s, day)
	finished := []string{"puts 0 200: 3", "rejections 0 other: 3", "ships 0: 3"}
	if diff := gocmp.Diff(finished, daysOf(t, s)); diff != "" {
		t.Errorf("the first day is over (-want +got):\n%s", diff)
	}
	s.Close()
	s = mustReopen(t, path)
	mustSave(t, s, aDay(source, 1, 2, day+1))
	if diff := gocmp.Diff(finished, daysOf(t, s)); diff != "" {
		t.Errorf("known facts opened their day again (-want +got):\n%s", diff)
	}
	mustSave(t, s, aDay(source, 1, 3))
	if days := daysOf(t, s); len(days) > 0 {
		t.Errorf("a late fact left rollups: %q", days)
	}
	mustFinishDays(t, s, 2*day)
	want := []string{"puts 0 200: 4", "puts 1 200: 2", "rejections 0 other: 4", "rejections 1 other: 2", "ships 0: 4", "ships 1: 2"}
	if diff := gocmp.Diff(want, daysOf(t, s)); diff != "" {
		t.Errorf("both days are over (-want +got):\n%s", diff)
	}
}

// TestDaysAreFinishedInSteps shows that a signal stops FinishDays between two transactions,
// and that the next pass goes on.
func TestDaysAreFinishedInSteps(t *testing.T) {
	t.Parallel()
	s, _ := mustOpen(t)
	var times []int64
	for d := range int64(25) {
		times = append(times, d*day)
	}
	mustSave(t, s, aDay(mustSource(t, s, store.StreamIndex), times...))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.FinishDays(ctx, 24*day); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped by a signal, it returned %v", err)
	}
	if open := mustSelect[int](t, s, "SELECT COUNT(*) FROM open_days")[0]; open != 15 {
		t.Errorf("after one step, %d days are open", open)
	}
	mustFinishDays(t, s, 24*day)
	if n := len(daysOf(t, s)); n != 3*24 {
		t.Errorf("the rollups of 24 days have %d rows", n)
	}
}
